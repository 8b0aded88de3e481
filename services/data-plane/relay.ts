// A successful answer on its way to the client: the upstream's bytes, as they come, no faster than the
// client reads; of a cloud's stream all but the error events. When the upstream breaks off, a stream is
// ended with an error event that the client understands; a body that is no stream can only be cut.
//
// Cost: one line scan and one write for all chunks that come in one turn of the event loop (a copy where
// they are several); no promise.

import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { AnswerControl, Sink } from './attempt.ts';
import type { Ending } from './bill.ts';
import { gatherChunks } from './gathered-chunks.ts';
import { type KeepAlives, PING } from './keep-alive.ts';
import { createJsonMeter, createSseMeter, type Meter, type Metered } from './meter.ts';
import { clientHeaders } from './relay-headers.ts';
import { ErrorRewriter } from './stream-errors.ts';
import { BEFORE_ERROR, errorEvent, type Tail, tailAfter } from './stream-tail.ts';
import type { Upstream } from './upstreams/upstream.ts';

export interface RelayOptions {
  readonly res: ServerResponse;
  readonly status: number;
  readonly upstream: IncomingHttpHeaders;
  /** The gateway's own, which win. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string;
  /** Puts an error event of a cloud's stream in our words; null where every byte passes. */
  readonly translateStreamError: Upstream['translateStreamError'];
  readonly control: AnswerControl;
  readonly keepAlives: KeepAlives;
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
  readonly isStream: boolean;
  read(): Relayed;
  /** The client has left. */
  clientGone(): void;
  /** The gateway stops: ends the answer with an error that the client may retry. */
  cut(): void;
}

export function openRelay(options: RelayOptions): Relay {
  const { res, status, control, requestId, log } = options;
  const passed = clientHeaders(options.upstream);
  const isStream = (passed['content-type'] ?? '').startsWith('text/event-stream');
  // Where an error event may follow, no length can be promised.
  if (isStream) delete passed['content-length'];
  let meter: Meter | null = meterFor(isStream, passed['content-encoding']);
  const cloud = isStream && meter !== null ? options.translateStreamError : null;
  // Anthropic says so itself; a proxy on the way must not keep a cloud's stream either.
  if (cloud !== null) passed['cache-control'] ??= 'no-cache';
  let bytes = 0;
  let isStarted = false;
  let ending: Ending | null = null;
  let notSent = false;
  let tail: Tail = 'frame';
  const arrived = gatherChunks(pass);
  const rewriter =
    cloud && new ErrorRewriter((data) => errorEvent(cloud(data, requestId), requestId));
  const keepAlive = cloud && options.keepAlives.start(ping);

  const resume = () => control.resume();
  res.on('drain', resume);
  if (isStream) setImmediate(() => sendHead(true));

  function sendHead(flush: boolean): void {
    if (ending !== null || res.headersSent || res.destroyed) return;
    res.writeHead(status, { ...passed, ...options.headers });
    if (flush) res.flushHeaders();
  }

  function pass(chunk: Buffer): void {
    if (rewriter === null) send(chunk);
    else rewriter.push(chunk, send);
    metering((running) => running.push(chunk));
    if (!isStarted && (meter?.hasStarted() ?? true) && isStream) {
      isStarted = true;
      options.onStarted();
    }
  }

  function send(chunk: Buffer): void {
    sendHead(false);
    if (isStream) tail = tailAfter(chunk, tail);
    keepAlive?.sent();
    if (!res.destroyed) res.write(chunk);
  }

  /** Never within an event, and not to a client that has yet to read what is there. */
  function ping(): void {
    if (tail === 'frame' && !res.destroyed && !res.writableNeedDrain) send(PING);
  }

  function finish(how: Ending): void {
    ending = how;
    keepAlive?.stop();
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

  function breakOff(type: string, message: string): void {
    if (res.destroyed) return;
    if (!res.headersSent) notSent = true;
    else if (!isStream) res.destroy();
    else if (meter?.read().errorType != null) res.end();
    else res.end(BEFORE_ERROR[tail] + errorEvent({ type, message }, requestId));
  }

  return {
    isStream,
    onData(chunk) {
      bytes += chunk.length;
      arrived.add(chunk);
      return !res.writableNeedDrain;
    },
    onEnd() {
      arrived.flush();
      metering((running) => running.end());
      rewriter?.end(send);
      sendHead(false);
      finish('answered');
      res.end();
    },
    onDied(cause) {
      if (ending !== null) return;
      arrived.flush();
      log.warn('an upstream broke off its answer', { request_id: requestId, err: cause });
      breakOff('api_error', 'the upstream broke off its answer; send the request again');
      finish('upstream_died');
    },
    clientGone() {
      if (ending !== null) return;
      arrived.flush();
      finish('client_gone');
      control.abort();
    },
    cut() {
      if (ending !== null) return;
      arrived.flush();
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

/** Bytes that stay encoded although plain ones were asked for cannot be read. */
function meterFor(isStream: boolean, encoding: string | undefined): Meter | null {
  if (encoding !== undefined && encoding !== 'identity') return null;
  return isStream ? createSseMeter() : createJsonMeter();
}

function unmetered(bytes: number): Metered {
  return { started: bytes > 0, usage: null, isFinal: false, textUnits: bytes, errorType: null };
}
