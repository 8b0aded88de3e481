// Google's client as this bus uses it, and its errors as the port's.

import { type CallOptions, type ClientConfig, PubSub } from '@google-cloud/pubsub';
import { AppError } from '#shared/errors/app-error.ts';

/** The gRPC status codes that decide something here. */
export const DEADLINE_EXCEEDED = 4;
export const NOT_FOUND = 5;
export const ALREADY_EXISTS = 6;
export const PERMISSION_DENIED = 7;

/** Cancelled, unknown, deadline exceeded, exhausted, aborted, internal, unavailable. */
const TRANSIENT = [1, 2, 4, 8, 10, 13, 14];
const RPC_TIMEOUT_MS = 5000;
const DETAIL_CHARS_MAX = 300;

/** Whatever gRPC waits longer for than this is noticed too late: its own default is two minutes. */
const RECONNECT_MAX_MS = 2000;

export function createClient(projectId: string, emulatorHost: string | undefined): PubSub {
  const grpc = { 'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS };
  const emulator =
    emulatorHost === undefined ? {} : { apiEndpoint: emulatorHost, emulatorMode: true };
  const config: ClientConfig = { projectId, ...grpc, ...emulator };
  return new PubSub(config);
}

/** Tries again what may pass, and gives up after the total. The library's own total is ten minutes. */
export function patience(totalMs: number): CallOptions {
  // The library cuts every time-out to what is left of the total but the first.
  const rpcTimeoutMs = Math.min(RPC_TIMEOUT_MS, totalMs);
  return {
    retry: {
      retryCodes: TRANSIENT,
      backoffSettings: {
        initialRetryDelayMillis: 100,
        retryDelayMultiplier: 2,
        maxRetryDelayMillis: 1000,
        initialRpcTimeoutMillis: rpcTimeoutMs,
        rpcTimeoutMultiplier: 1,
        maxRpcTimeoutMillis: rpcTimeoutMs,
        totalTimeoutMillis: totalMs,
      },
    },
  };
}

/** One call of the low-level subscriber client. */
export function callSubscriber<T>(
  pubsub: PubSub,
  method: 'pull' | 'acknowledge' | 'modifyAckDeadline',
  request: object,
  gaxOpts: CallOptions,
): Promise<T | null> {
  const { promise, resolve, reject } = Promise.withResolvers<T | null>();
  const config = { client: 'SubscriberClient', method, reqOpts: request, gaxOpts } as const;
  pubsub.request<T>(config, (error, response) => {
    if (error === null) resolve(response ?? null);
    else reject(error);
  });
  return promise;
}

export function codeOf(caught: unknown): number | null {
  const code = caught instanceof Error && 'code' in caught ? caught.code : null;
  return typeof code === 'number' ? code : null;
}

/** The library appends the error of every retry to the last one: kilobytes. */
export function briefly(caught: unknown): string {
  const text = caught instanceof Error ? caught.message : String(caught);
  return text.length > DETAIL_CHARS_MAX ? `${text.slice(0, DETAIL_CHARS_MAX - 1)}…` : text;
}

/** `what` begins the sentence: "Pub/Sub did not take the message". */
export function unavailable(what: string, caught?: unknown): AppError {
  if (caught instanceof AppError) return caught;
  const remedy =
    codeOf(caught) === PERMISSION_DENIED
      ? 'grant the service account its Pub/Sub roles'
      : 'send it again in a moment';
  const more = caught === undefined ? {} : { detail: briefly(caught), cause: caught };
  return new AppError('unavailable', `${what}; ${remedy}`, more);
}
