// Upstreams in order, until one answers; those that are known to fail are left for last. After the
// headers of a success nothing fails over: what it answers is the answer. An answer that faults the
// request itself is final too.

import type { ServerResponse } from 'node:http';
import type { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { StreamStart } from './audit-inference.ts';
import type { Ending } from './bill.ts';
import type { Circuits, Passage } from './circuits.ts';
import type { Connections } from './connections.ts';
import type { Departure } from './departure.ts';
import { type Failure, failsOver, isOurCredential, verdictOn } from './failover.ts';
import type { KeepAlives } from './keep-alive.ts';
import type { Metered } from './meter.ts';
import type { Candidate } from './plan.ts';
import type { Relay } from './relay.ts';
import { clientHeaders } from './relay-headers.ts';
import { tryUpstream } from './try-upstream.ts';
import { readUpstreamIds, type UpstreamIds } from './upstream-ids.ts';
import type { ErrorReply, UpstreamRequest } from './upstreams/upstream.ts';

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
  readonly circuits: Circuits;
  readonly keepAlives: KeepAlives;
  readonly now: () => number;
  readonly log: Log;
}

export async function forward(deps: ForwardDeps, options: ForwardOptions): Promise<Forwarded> {
  const { operation } = options.request;
  const told: Told = { failures: [], ids: {} };
  const passedOver: Candidate[] = [];
  for (const candidate of options.candidates) {
    const passage = deps.circuits.enter(candidate, operation);
    if (passage === null) passedOver.push(candidate);
    else {
      const forwarded = await forwardTo(deps, options, candidate, passage, told);
      if (forwarded !== null) return forwarded;
    }
  }
  // Nobody is refused what might work after all.
  const forced = deps.circuits.force(passedOver, operation);
  if (forced !== null) {
    const { candidate, passage } = forced;
    const forwarded = await forwardTo(deps, options, candidate, passage, told);
    if (forwarded !== null) return forwarded;
  }
  const verdict = verdictOn(told.failures, options.configured);
  return verdict.type === 'error'
    ? { outcome: 'failed', error: verdict.error }
    : { outcome: 'refused', upstream: verdict.upstream, reply: verdict.reply, ids: told.ids };
}

/** What the upstreams said that were asked so far. */
interface Told {
  readonly failures: Failure[];
  ids: UpstreamIds;
}

/** Null: the next one is to be tried. */
async function forwardTo(
  deps: ForwardDeps,
  options: ForwardOptions,
  candidate: Candidate,
  passage: Passage,
  told: Told,
): Promise<Forwarded | null> {
  const { result, streamed } = await tryUpstream(deps, options, candidate, passage);
  if (streamed !== null) return streamed;
  if (result.type === 'cancelled') return { outcome: 'left', candidate, asked: result.asked };
  const { upstream, upstreamModel } = candidate;
  const { name } = upstream.ref;
  if (result.type !== 'reply') {
    told.failures.push({ upstream: name, reply: null });
    warn(deps.log, options, name, null, result.type === 'failed' ? result.cause : undefined);
    return null;
  }
  const ids = readUpstreamIds(result.headers);
  told.ids = ids;
  const { status, body } = result;
  const plain = { status, headers: clientHeaders(result.headers), body };
  const asked = { ...options.request, upstreamModel };
  const reply = upstream.translateError(plain, options.requestId, asked);
  if (!failsOver(reply.status)) return { outcome: 'refused', upstream: name, reply, ids };
  told.failures.push({ upstream: name, reply: status < 400 ? null : reply });
  warn(deps.log, options, name, status);
  return null;
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
