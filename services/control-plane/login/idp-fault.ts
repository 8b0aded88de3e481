// What went wrong at the identity provider, sorted by what follows from it: only `refused` is the
// IdP's word on the person; the rest is the world's or the operator's fault.

import * as oidc from 'openid-client';

export type IdpFaultKind = 'refused' | 'unavailable' | 'misconfigured';

export interface IdpFault {
  readonly outcome: IdpFaultKind;
  /** For the operator's log: no token, no code. */
  readonly detail: string;
  /** A refresh token that the IdP had already given when the rest failed: it must not be lost. */
  readonly refreshToken?: string;
}

const TRANSIENT_ERRORS = ['temporarily_unavailable', 'server_error', 'slow_down'];
const UNREADABLE = ['OAUTH_TIMEOUT', 'OAUTH_RESPONSE_IS_NOT_JSON', 'OAUTH_PARSE_ERROR'];

/** Sorts what openid-client threw. */
export function idpFault(caught: unknown): IdpFault {
  if (caught instanceof oidc.ResponseBodyError) {
    const detail = `IdP answered ${caught.status} ${caught.error}`;
    if (isTransient(caught.status) || TRANSIENT_ERRORS.includes(caught.error)) {
      return { outcome: 'unavailable', detail };
    }
    return { outcome: caught.error === 'invalid_grant' ? 'refused' : 'misconfigured', detail };
  }
  if (caught instanceof oidc.WWWAuthenticateChallengeError) {
    return { outcome: 'misconfigured', detail: `IdP answered ${caught.status} with a challenge` };
  }
  if (!(caught instanceof Error)) return { outcome: 'unavailable', detail: String(caught) };
  const status = responseStatus(caught.cause);
  if (status !== null) {
    const detail = `IdP answered ${status}`;
    return { outcome: isTransient(status) ? 'unavailable' : 'misconfigured', detail };
  }
  if (isNetwork(caught)) return { outcome: 'unavailable', detail: networkDetail(caught) };
  return { outcome: 'misconfigured', detail: tokenDetail(caught) };
}

/** One word or two on why nobody answered: `ECONNREFUSED`, `timeout`. */
export function networkDetail(caught: Error): string {
  if (codeOf(caught) === 'OAUTH_TIMEOUT' || caught.name === 'TimeoutError')
    return 'no answer in time';
  for (let cause: unknown = caught; cause instanceof Error; cause = cause.cause) {
    const code = codeOf(cause);
    if (code !== null && !code.startsWith('OAUTH_')) return code;
    if (cause instanceof AggregateError) return codeOf(cause.errors[0]) ?? cause.message;
  }
  return caught.message;
}

/** The status of an answer that was no good, where that is what was thrown. */
export function responseStatus(cause: unknown): number | null {
  return typeof cause === 'object' && cause !== null && 'status' in cause && 'headers' in cause
    ? Number(cause.status)
    : null;
}

function isTransient(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

function isNetwork(caught: Error): boolean {
  const code = codeOf(caught);
  if (code !== null && UNREADABLE.includes(code)) return true;
  // fetch itself fails with a TypeError; openid-client wraps what it does not know without a code.
  return caught instanceof TypeError ? caught.cause !== undefined : code === null;
}

function tokenDetail(caught: Error): string {
  const cause = caught.cause instanceof Error ? `: ${caught.cause.message}` : '';
  return `${caught.message}${cause}`.slice(0, 300);
}

function codeOf(value: unknown): string | null {
  return typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string'
    ? value.code
    : null;
}
