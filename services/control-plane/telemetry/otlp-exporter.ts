// One delivery over OTLP/HTTP (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response"): 2xx is
// done; what says that the payload itself is wrong is never tried again, everything else may pass
// later.

import type { Signal, SignalSwitches } from '#shared/domain/settings-push.ts';
import { attempt, type Outcome } from '../delivery/attempt.ts';

export interface TelemetryDestination extends SignalSwitches {
  /** Base URL; `/v1/<signal>` is appended. It names the destination on the bus, so: no secrets. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A fresh `Authorization` value for destinations that need one (Google). */
  readonly authorization?: () => Promise<string>;
}

export interface TelemetryExport {
  readonly destination: TelemetryDestination;
  readonly signal: Signal;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly data: Uint8Array;
}

export type OtlpExporter = (request: TelemetryExport) => Promise<Outcome>;

/** A redirect, a wrong key, a wrong path or a pause: all of them mended on the other side. */
const RETRIED = (status: number) =>
  status < 400 || status >= 500 || [401, 403, 404, 408, 429].includes(status);

export function createOtlpExporter(options: {
  readonly userAgent: string;
  readonly timeoutMs: number;
}): OtlpExporter {
  const { userAgent, timeoutMs } = options;
  return (request) =>
    attempt(() => post(request, userAgent, timeoutMs), { timeoutMs, isRetried: RETRIED });
}

async function post(request: TelemetryExport, userAgent: string, timeoutMs: number) {
  const { destination, data, contentEncoding } = request;
  const headers = new Headers(destination.headers);
  const authorization = await destination.authorization?.();
  if (authorization !== undefined) headers.set('authorization', authorization);
  if (!headers.has('user-agent')) headers.set('user-agent', userAgent);
  headers.set('content-type', request.contentType || 'application/x-protobuf');
  if (contentEncoding !== '') headers.set('content-encoding', contentEncoding);
  return fetch(`${destination.url.replace(/\/+$/, '')}/v1/${request.signal}`, {
    method: 'POST',
    // A copy that is not shared memory, as the type of a body demands.
    body: new Uint8Array(data),
    headers,
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  });
}
