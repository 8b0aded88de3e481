// Upstreams in order, until one answers. After the headers of a success nothing fails over: what it
// answers is the answer. An answer that faults the request itself is final too.

import type { ServerResponse } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type AttemptResult, startAttempt } from './attempt.ts';
import type { StreamStart } from './audit-inference.ts';
import type { Ending } from './bill.ts';
import type { Connections } from './connections.ts';
import type { Departure } from './departure.ts';
import { type Failure, failsOver, isOurCredential, verdictOn } from './failover.ts';
import type { KeepAlives } from './keep-alive.ts';
import { type Metered, UNMETERED } from './meter.ts';
import type { Candidate } from './plan.ts';
import { prepareInTime } from './prepare-in-time.ts';
import { openRelay, type Relay } from './relay.ts';
import { clientHeaders } from './relay-headers.ts';
import { readUpstreamIds, type UpstreamIds } from './upstream-ids.ts';
import { type ErrorReply, KnownRefusal, type UpstreamRequest } from './upstreams/upstream.ts';

export interface ForwardOptions {
  readonly request: Omit<UpstreamRequest, 'upstreamModel'>;
  readonly candidates: readonly Candidate[];
  /** How many upstreams are configured, for the last resort's message. */
  readonly configured: number;
  readonly res: ServerResponse;
  readonly departure: Departure;
  readonly requestId: string;
  readonly ttfbMs: number;
  /** Added to a success. */
  readonly successHeaders: Readonly<Record<string, string>>;
  /** What is being done for the client, so that others can see how far it is. */
  readonly onProgress: (candidate: Candidate, relay: Relay | null) => void;
  /** A success that streams has sent its headers. */
  readonly onStream: (start: StreamStart) => void;
  /** The model has begun to answer: the body will not be sent again. */
  readonly onStarted: () => void;
}

export type Forwarded =
  /** A success: the client has it, or as much as there was. */
  | {
      readonly outcome: 'streamed';
      readonly candidate: Candidate;
      readonly status: number;
      readonly ending: Ending;
      /** Nothing of it was sent: this is for the client instead. */
      readonly error: AppError | null;
      readonly metered: Metered;
      readonly headersAtMs: number;
      readonly ids: UpstreamIds;
    }
  /** An upstream's refusal, to be told to the client. */
  | {
      readonly outcome: 'refused';
      readonly upstream: string;
      readonly reply: ErrorReply;
      readonly ids: UpstreamIds;
    }
  | { readonly outcome: 'failed'; readonly error: AppError }
  /** Nobody waits any more. `asked`: the upstream had begun to read the request. */
  | { readonly outcome: 'left'; readonly candidate: Candidate; readonly asked: boolean };

export interface ForwardDeps {
  readonly connections: Connections;
  readonly keepAlives: KeepAlives;
  readonly now: () => number;
  readonly log: Log;
}

export async function forward(deps: ForwardDeps, options: ForwardOptions): Promise<Forwarded> {
  const failures: Failure[] = [];
  let ids: UpstreamIds = {};
  for (const candidate of options.candidates) {
    if (options.departure.left !== null) return { outcome: 'left', candidate, asked: false };
    const { result, streamed } = await tryOne(deps, options, candidate);
    if (streamed !== null) return streamed;
    if (result.type === 'cancelled') return { outcome: 'left', candidate, asked: result.asked };
    const { name } = candidate.upstream.ref;
    if (result.type !== 'reply') {
      failures.push({ upstream: name, reply: null });
      warn(deps.log, options, name, null, result.type === 'failed' ? result.cause : undefined);
      continue;
    }
    ids = readUpstreamIds(result.headers);
    const { status, body } = result;
    const plain = { status, headers: clientHeaders(result.headers), body };
    const asked = { ...options.request, upstreamModel: candidate.upstreamModel };
    const reply = candidate.upstream.translateError(plain, options.requestId, asked);
    if (!failsOver(reply.status)) return { outcome: 'refused', upstream: name, reply, ids };
    failures.push({ upstream: name, reply: status < 400 ? null : reply });
    warn(deps.log, options, name, status);
  }
  const verdict = verdictOn(failures, options.configured);
  return verdict.type === 'error'
    ? { outcome: 'failed', error: verdict.error }
    : { outcome: 'refused', upstream: verdict.upstream, reply: verdict.reply, ids };
}

interface Tried {
  readonly result: AttemptResult;
  readonly streamed: Extract<Forwarded, { outcome: 'streamed' }> | null;
}

async function tryOne(
  deps: ForwardDeps,
  options: ForwardOptions,
  candidate: Candidate,
): Promise<Tried> {
  const { request, res, requestId, departure } = options;
  options.onProgress(candidate, null);
  const { upstream, upstreamModel } = candidate;
  const prepared = await prepareInTime(upstream, { ...request, upstreamModel }, options.ttfbMs);
  if (prepared instanceof KnownRefusal) {
    const { status } = prepared;
    const result = { type: 'reply', status, headers: {}, body: Buffer.alloc(0) } as const;
    return { result, streamed: null };
  }
  if (prepared instanceof Error) {
    return { result: { type: 'failed', reason: 'network', cause: prepared }, streamed: null };
  }
  if (departure.left !== null)
    return { result: { type: 'cancelled', asked: false }, streamed: null };
  let answer: Answer | null = null;
  const attempt = startAttempt({
    dispatcher: deps.connections.to(prepared.origin),
    prepared,
    ttfbMs: options.ttfbMs,
    onSuccess(status, headers, control) {
      const onStarted = () => {
        control.dropBody();
        options.onStarted();
      };
      const own = { ...options.successHeaders, 'request-id': requestId };
      const { keepAlives, log } = deps;
      const { translateStreamError } = upstream;
      const relay = openRelay({
        ...{ res, status, upstream: headers, headers: own, requestId, control, log, onStarted },
        ...{ translateStreamError, keepAlives },
      });
      const ids = readUpstreamIds(headers);
      answer = { relay, status, headersAtMs: deps.now(), ids };
      options.onProgress(candidate, relay);
      if (relay.isStream) options.onStream({ candidate, status, ids });
      departure.listen((why) => (why === 'cut' ? relay.cut() : relay.clientGone()));
      return relay;
    },
  });
  departure.listen(() => attempt.cancel());
  const result = await attempt.done;
  return { result, streamed: streamedFrom(answer, candidate) };
}

interface Answer {
  readonly relay: Relay;
  readonly status: number;
  readonly headersAtMs: number;
  readonly ids: UpstreamIds;
}

function streamedFrom(answer: Answer | null, candidate: Candidate): Tried['streamed'] {
  if (answer === null) return null;
  const { relay, status, headersAtMs, ids } = answer;
  const { ending, notSent, metered } = relay.read();
  const message = 'the upstream broke off its answer; send the request again';
  return {
    outcome: 'streamed',
    candidate,
    status,
    ending: ending ?? 'upstream_died',
    error: notSent ? new AppError('upstream_failed', message) : null,
    metered: metered ?? UNMETERED,
    headersAtMs,
    ids,
  };
}

function warn(
  log: Log,
  { requestId }: ForwardOptions,
  upstream: string,
  status: number | null,
  err?: Error,
): void {
  if (status !== null && isOurCredential(status)) {
    // For the operator's alert: developers see only a 502.
    const text =
      status === 401
        ? 'an upstream refused the credentials of the gateway; correct its auth'
        : 'an upstream denied the gateway a request; grant its credentials the model and region';
    log.error(text, { upstream, status, request_id: requestId });
    return;
  }
  log.warn('upstream failed, trying next', {
    upstream,
    request_id: requestId,
    ...(status === null ? { err } : { status }),
  });
}
