// A successful answer on its way to the client: the upstream's bytes, as they come, no faster than the
// client reads. When the upstream breaks off, a stream is ended with an error event that the client
// understands; a body that is no stream can only be cut.
//
// Cost: one write and one metered line scan for each chunk; no copy, no promise.

import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { AnswerControl, Sink } from './attempt.ts';
import type { Ending } from './bill.ts';
import { createJsonMeter, createSseMeter, type Meter, type Metered } from './meter.ts';
import { clientHeaders } from './relay-headers.ts';

export interface RelayOptions {
  readonly res: ServerResponse;
  readonly status: number;
  readonly upstream: IncomingHttpHeaders;
  /** The gateway's own, which win. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly control: AnswerControl;
  readonly log: Log;
  /** The model has begun to answer; nothing needs the request's body any more. */
  readonly onStarted: () => void;
}

/** How the answer ended; null while it runs. `not_sent`: it died and the client has seen nothing. */
export interface Relayed {
  readonly ending: Ending | null;
  readonly notSent: boolean;
  readonly metered: Metered;
}

export interface Relay extends Sink {
  read(): Relayed;
  /** The client has left. */
  clientGone(): void;
  /** The gateway stops: ends the answer with an error that the client may retry. */
  cut(): void;
}

const NEWLINE = 0x0a;

export function openRelay(options: RelayOptions): Relay {
  const { res, status, control, requestId, log } = options;
  const passed = clientHeaders(options.upstream);
  const isStream = (passed['content-type'] ?? '').startsWith('text/event-stream');
  // Where an error event may follow, no length can be promised.
  if (isStream) delete passed['content-length'];
  let meter: Meter | null = meterFor(isStream, passed['content-encoding']);
  let bytes = 0;
  let isStarted = false;
  let ending: Ending | null = null;
  let notSent = false;
  let tail: 'frame' | 'line' | 'middle' = 'frame';

  const resume = () => control.resume();
  res.on('drain', resume);
  if (isStream) setImmediate(() => sendHead(true));

  function sendHead(flush: boolean): void {
    if (ending !== null || res.headersSent || res.destroyed) return;
    res.writeHead(status, { ...passed, ...options.headers });
    if (flush) res.flushHeaders();
  }

  function finish(how: Ending): void {
    ending = how;
    res.off('drain', resume);
    if (how !== 'answered') metering((running) => running.end());
  }

  function metering(step: (running: Meter) => void): void {
    if (meter === null) return;
    try {
      step(meter);
    } catch (err) {
      meter = null;
      log.error('an answer could not be metered; it is billed by estimate', {
        request_id: requestId,
        err: AppError.from(err),
      });
    }
  }

  function endWithError(type: string, message: string): void {
    const error = { type: 'error', request_id: requestId, error: { type, message } };
    res.end(`${closing[tail]}event: error\ndata: ${JSON.stringify(error)}\n\n`);
  }

  function breakOff(type: string, message: string): void {
    if (res.destroyed) return;
    if (!res.headersSent) notSent = true;
    else if (!isStream) res.destroy();
    else if (meter?.read().errorType == null) endWithError(type, message);
    else res.end();
  }

  return {
    onData(chunk) {
      bytes += chunk.length;
      sendHead(false);
      const isReady = res.write(chunk);
      metering((running) => running.push(chunk));
      if (isStream) tail = tailOf(chunk, tail);
      if (!isStarted && (meter?.hasStarted() ?? true) && isStream) {
        isStarted = true;
        options.onStarted();
      }
      return isReady;
    },
    onEnd() {
      metering((running) => running.end());
      sendHead(false);
      finish('answered');
      res.end();
    },
    onDied(cause) {
      if (ending !== null) return;
      log.warn('an upstream broke off its answer', { request_id: requestId, err: cause });
      breakOff('api_error', 'the upstream broke off its answer; send the request again');
      finish('upstream_died');
    },
    clientGone() {
      if (ending !== null) return;
      finish('client_gone');
      control.abort();
    },
    cut() {
      if (ending !== null) return;
      breakOff('overloaded_error', 'the gateway is restarting; send the request again');
      finish('client_gone');
      control.abort();
    },
    read: () => ({
      ending,
      notSent,
      metered: meter?.read() ?? unmetered(bytes),
    }),
  };
}

/**
 * What to put in front of an error event. In the middle of a line nothing can be taken back: naming the
 * broken event `error` and adding ours as its last data line is what parsers understand best.
 */
const closing = { frame: '', line: '\n', middle: '\n' };

function tailOf(chunk: Buffer, before: 'frame' | 'line' | 'middle'): 'frame' | 'line' | 'middle' {
  let at = chunk.length - 1;
  let newlines = 0;
  for (; at >= 0 && newlines < 2; at -= 1) {
    if (chunk[at] === NEWLINE) newlines += 1;
    else if (chunk[at] !== 0x0d) break;
  }
  if (newlines === 2) return 'frame';
  const isWhole = at < 0;
  if (newlines === 1) return isWhole && before !== 'middle' ? 'frame' : 'line';
  return isWhole ? before : 'middle';
}

/** Bytes that stay encoded although plain ones were asked for cannot be read. */
function meterFor(isStream: boolean, encoding: string | undefined): Meter | null {
  if (encoding !== undefined && encoding !== 'identity') return null;
  return isStream ? createSseMeter() : createJsonMeter();
}

function unmetered(bytes: number): Metered {
  return { started: bytes > 0, usage: null, isFinal: false, textBytes: bytes, errorType: null };
}
