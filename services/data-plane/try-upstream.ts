// One candidate, from credentials to the end of its answer, and what that shows of its health.

import { AppError } from '#shared/errors/app-error.ts';
import { type AttemptResult, startAttempt } from './attempt.ts';
import type { Passage } from './circuits.ts';
import { askedForMs, signOf } from './failover.ts';
import type { ForwardDeps, Forwarded, ForwardOptions } from './forward.ts';
import { UNMETERED } from './meter.ts';
import type { Candidate } from './plan.ts';
import { prepareInTime } from './prepare-in-time.ts';
import { openRelay, type Relay } from './relay.ts';
import { readUpstreamIds, type UpstreamIds } from './upstream-ids.ts';
import { KnownRefusal, type PreparedRequest } from './upstreams/upstream.ts';

type Streamed = Extract<Forwarded, { outcome: 'streamed' }>;

export interface Tried {
  readonly result: AttemptResult;
  /** Null: no success. */
  readonly streamed: Streamed | null;
}

/** Errors of an upstream's own within a stream that began well. */
const TROUBLE: ReadonlySet<string> = new Set(['overloaded_error', 'api_error', 'timeout_error']);

export async function tryUpstream(
  deps: ForwardDeps,
  options: ForwardOptions,
  candidate: Candidate,
  passage: Passage,
): Promise<Tried> {
  try {
    return await attempt(deps, options, candidate, passage);
  } finally {
    passage.shows('nothing', '');
  }
}

async function attempt(
  deps: ForwardDeps,
  options: ForwardOptions,
  candidate: Candidate,
  passage: Passage,
): Promise<Tried> {
  const { request, departure, ttfbMs } = options;
  const { upstream, upstreamModel } = candidate;
  if (departure.left !== null) return none({ type: 'cancelled', asked: false });
  options.onProgress(candidate, null);
  const prepared = await prepareInTime(upstream, { ...request, upstreamModel }, ttfbMs);
  if (prepared instanceof KnownRefusal) {
    const { status } = prepared;
    return none({ type: 'reply', status, headers: {}, body: Buffer.alloc(0) });
  }
  if (prepared instanceof AppError) {
    // A fault of ours, perhaps with this request alone, says nothing of the upstream.
    if (prepared.code !== 'internal') passage.shows('unauthorized', prepared.message);
    return none({ type: 'failed', reason: 'network', cause: prepared });
  }
  if (departure.left !== null) return none({ type: 'cancelled', asked: false });
  const { result, answer } = await send(deps, options, candidate, prepared, passage);
  if (result.type === 'failed') passage.shows('failed', result.cause.message);
  if (result.type === 'reply') {
    const { status, headers } = result;
    passage.shows(signOf(status, request.operation), `status ${status}`);
    const askedMs = askedForMs(status, headers, deps.now());
    if (askedMs > 0) passage.asksForTime(askedMs);
  }
  if (answer === null) return none(result);
  const streamed = streamedFrom(answer, candidate);
  const { errorType } = streamed.metered;
  if (streamed.ending === 'upstream_died') passage.shows('failed', 'it broke off its answer');
  else if (errorType !== null && TROUBLE.has(errorType)) passage.shows('failed', errorType);
  return { result, streamed };
}

function none(result: AttemptResult): Tried {
  return { result, streamed: null };
}

interface Answer {
  readonly relay: Relay;
  readonly status: number;
  readonly headersAtMs: number;
  readonly ids: UpstreamIds;
}

async function send(
  deps: ForwardDeps,
  options: ForwardOptions,
  candidate: Candidate,
  prepared: PreparedRequest,
  passage: Passage,
): Promise<{ result: AttemptResult; answer: Answer | null }> {
  const { res, requestId, departure } = options;
  let answer: Answer | null = null;
  const running = startAttempt({
    dispatcher: deps.connections.to(prepared.origin),
    prepared,
    ttfbMs: options.ttfbMs,
    onSuccess(status, headers, control) {
      passage.shows('worked', '');
      const onStarted = () => {
        control.dropBody();
        options.onStarted();
      };
      const own = { ...options.successHeaders, 'request-id': requestId };
      const { keepAlives, log } = deps;
      const { translateStreamError } = candidate.upstream;
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
  departure.listen(() => running.cancel());
  return { result: await running.done, answer };
}

function streamedFrom({ relay, status, headersAtMs, ids }: Answer, candidate: Candidate): Streamed {
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
