// POST /v1/{metrics,logs,traces}. The payload is not looked at: it goes on the bus as it came, with
// the verified identity beside it, and 200 means that it is durable there. The control plane
// decodes, overwrites the identity and delivers. One message per export, whatever the number of
// destinations: a publish either happened or did not, so a client that is told to try again never
// makes a collector count the same delta twice.

import type { IncomingMessage } from 'node:http';
import type { Signal, SignalSwitches } from '#shared/domain/settings-push.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { renderTelemetryAttributes } from '#shared/events/telemetry-event.ts';
import { readBody } from '#shared/http/body.ts';
import type { SessionExchange } from '#shared/http/route.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';

export interface TelemetryIntakeDeps {
  readonly bus: Pick<UsageBus, 'publish'>;
  /** What the configured destinations take; an export that none takes is discarded. */
  readonly destinations: () => readonly SignalSwitches[];
  readonly newId: () => string;
  /** Exports being read or published at once; one more is told to come back. */
  readonly inFlightMax: number;
  /** What they may weigh together; a single export always fits. Default 64 MiB. */
  readonly inFlightBytesMax?: number;
  readonly bodyBytesMax: number;
}

/** What exporters of clients wait before they try again. */
const RETRY_SECONDS = 5;
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024;

export function createTelemetryIntake(deps: TelemetryIntakeDeps) {
  const { inFlightMax, inFlightBytesMax = IN_FLIGHT_BYTES_MAX } = deps;
  let inFlight = 0;
  let inFlightBytes = 0;
  const isFull = (bytes: number) =>
    inFlight >= inFlightMax || (inFlight > 0 && inFlightBytes + bytes > inFlightBytesMax);
  return (signal: Signal) =>
    async (exchange: SessionExchange): Promise<void> => {
      if (!deps.destinations().some((destination) => destination[signal])) return accept(exchange);
      // Chunked bodies are refused before any route, so the length is known.
      const bytes = Number(exchange.req.headers['content-length'] ?? 0);
      if (isFull(bytes)) throw tryAgain('too many telemetry exports in flight');
      inFlight += 1;
      inFlightBytes += bytes;
      try {
        const body = await readBody(exchange.req, deps.bodyBytesMax);
        if (body.byteLength > 0) await publish(deps, signal, exchange, body);
      } finally {
        inFlight -= 1;
        inFlightBytes -= bytes;
      }
      accept(exchange);
    };
}

async function publish(
  deps: TelemetryIntakeDeps,
  signal: Signal,
  { req, principal }: SessionExchange,
  data: Uint8Array,
): Promise<void> {
  const attributes = renderTelemetryAttributes({
    signal,
    contentType: headerOf(req, 'content-type'),
    contentEncoding: headerOf(req, 'content-encoding'),
    identity: principal,
    destination: null,
  });
  try {
    await deps.bus.publish('telemetry.v1', { id: deps.newId(), data, attributes });
  } catch (err) {
    throw tryAgain('the bus did not take a telemetry export', err);
  }
}

/** Bounded: an attribute of the bus holds 1024 bytes and no real value comes near. */
function headerOf(req: IncomingMessage, name: 'content-type' | 'content-encoding'): string {
  return (req.headers[name] ?? '').slice(0, 200);
}

function accept({ res }: SessionExchange): void {
  res.writeHead(200, { 'content-length': 0 }).end();
}

function tryAgain(detail: string, cause?: unknown): AppError {
  return new AppError(
    'unavailable',
    'telemetry cannot be accepted right now; send it again later',
    {
      detail,
      retryAfterSeconds: RETRY_SECONDS,
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
