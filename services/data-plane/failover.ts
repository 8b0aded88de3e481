// When the next upstream is tried, and what the client is told when none is left. Pure.

import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';
import type { Sign } from './circuits.ts';
import type { ErrorReply, Operation } from './upstreams/upstream.ts';

/** After an overload that names no time of its own. */
const OVERLOADED_RETRY_SECONDS = '5';

const NOT_SIGNED_IN = 'the gateway could not sign in to its upstream';
const DENIED = 'the upstream does not let the gateway use this model';
const CHECK = '— check the gateway operator';

/** One upstream that did not serve: its answer as the client may see it, or null without one. */
export interface Failure {
  readonly upstream: string;
  readonly reply: ErrorReply | null;
}

export type Verdict =
  | { readonly type: 'reply'; readonly upstream: string; readonly reply: ErrorReply }
  | { readonly type: 'error'; readonly error: AppError };

/** 401 and 403 are the gateway's own key, 3xx is no answer at all; a bad request is final. */
export function failsOver(status: number): boolean {
  return (
    status >= 500 ||
    status === 401 ||
    status === 403 ||
    status === 404 ||
    status === 429 ||
    (status >= 300 && status < 400)
  );
}

/**
 * 401 is the gateway's key and 403 what the key may do, perhaps with this model or region alone. Neither
 * is the client's: shown as such, it would sign in again.
 */
export function isOurCredential(status: number): boolean {
  return status === 401 || status === 403;
}

/** What an answer that is no success shows of the upstream's health. */
export function signOf(status: number, operation: Operation): Sign {
  if (status === 401) return 'unauthorized';
  // A provider that cannot count is none the worse for it.
  if (status === 501 && operation === 'count_tokens') return 'worked';
  return status >= 500 || status === 403 || status < 400 ? 'failed' : 'worked';
}

/**
 * How long an upstream wants to be left alone, in milliseconds: the `retry-after` of a 429 or 529, which
 * is seconds or a date (RFC 9110 §10.2.3). 0: it does not say.
 */
export function askedForMs(status: number, headers: IncomingHttpHeaders, nowMs: number): number {
  const said = headers['retry-after'];
  if ((status !== 429 && status !== 529) || said === undefined) return 0;
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/**
 * The last 429, else the last 529 (both say when to come back), else 502 for a key of ours, else the
 * last 404, else the last 501, else 502.
 */
export function verdictOn(failures: readonly Failure[], configured: number): Verdict {
  const last = (match: (status: number) => boolean) =>
    failures.findLast(({ reply }) => reply !== null && match(reply.status));
  const told = last((status) => status === 429) ?? last((status) => status === 529);
  if (told !== undefined) return relayed(told);
  const refused = last(isOurCredential);
  if (refused !== undefined) {
    const message = `${refused.reply?.status === 403 ? DENIED : NOT_SIGNED_IN} ${CHECK}`;
    return { type: 'error', error: new AppError('upstream_rejected', message) };
  }
  const said = last((status) => status === 404) ?? last((status) => status === 501);
  if (said !== undefined) return relayed(said);
  const message = `all upstreams failed (${configured} attempted)`;
  return { type: 'error', error: new AppError('upstream_failed', message) };
}

function relayed({ upstream, reply }: Failure): Verdict {
  if (reply === null) throw new RangeError('a relayed failure has an answer');
  if (reply.status !== 529 || reply.headers['retry-after'] !== undefined) {
    return { type: 'reply', upstream, reply };
  }
  const headers = { ...reply.headers, 'retry-after': OVERLOADED_RETRY_SECONDS };
  return { type: 'reply', upstream, reply: { ...reply, headers } };
}
