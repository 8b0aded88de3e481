// One refresh, with the lease held: ask the IdP, read the claims anew, pass every gate again,
// rotate.

import type { Exchange } from '#shared/http/route.ts';
import type { RefreshFamily } from '#shared/ports/grant-store.ts';
import { type Approval, openApproval } from '../login/approval.ts';
import { type ClaimsReading, readPerson } from '../login/claims.ts';
import type { IdpFault } from '../login/idp-fault.ts';
import type { IdpAnswer } from '../login/oidc-client.ts';
import { endSession, keepIdpToken, rotateRefreshFamily } from './refresh-family.ts';
import type { SignInDeps } from './sign-in-deps.ts';
import { grantToken, notePerson, refuseToken, type TokenAnswer } from './token-answer.ts';

type IdpClaims = Extract<IdpAnswer, { outcome: 'claims' }>;

export async function refreshAtIdp(
  family: RefreshFamily,
  exchange: Exchange,
  deps: SignInDeps,
): Promise<TokenAnswer> {
  const { sub } = family;
  const approval = await openApproval(deps.sealer, family.sealed, 'refresh-family');
  if (approval === null || approval.idpRefreshToken === null) {
    await endSession(family.id, deps);
    const err = 'the key that sealed the session is no longer configured';
    return refuseRefresh(exchange, deps, { step: 'token_endpoint', err, sub });
  }
  const answer = await deps.idp.refresh(approval.idpRefreshToken, approval.idpSub);
  if (answer.outcome === 'refused') {
    await endSession(family.id, deps);
    return refuseRefresh(exchange, deps, { step: 'token_endpoint', err: answer.detail, sub });
  }
  if (answer.outcome !== 'claims') {
    return failRefresh(family, approval, { exchange, deps, fault: answer });
  }
  const reading = readRefreshed(answer, approval, deps);
  if (reading.outcome === 'refused') {
    await endSession(family.id, deps);
    return refuseRefresh(exchange, deps, { step: 'claims', err: reading.reason, sub });
  }
  const { person } = reading;
  const idpRefreshToken = answer.refreshToken ?? approval.idpRefreshToken;
  const next = { person, idpSub: approval.idpSub, idpRefreshToken };
  if (!(await rotateRefreshFamily(family, next, deps))) {
    // Ended meanwhile, by a revocation: what the IdP said does not bring it back.
    return refuseRefresh(exchange, deps, { step: 'token_endpoint', err: 'session ended', sub });
  }
  await notePerson(person, deps);
  const name = { familyId: family.id, generation: family.generation + 1 };
  const refreshToken = deps.refreshTokens.render(name);
  audit(exchange, deps, {
    result: 'success',
    sub,
    email: person.email ?? undefined,
    ttl_hours: deps.session.ttlHours,
  });
  return grantToken({ person, sessionId: family.id, refreshToken }, exchange, deps);
}

interface Refusal {
  readonly step: 'token_endpoint' | 'claims' | 'reuse';
  readonly err: string;
  readonly sub?: string;
}

/** 401: this token will never be good again. */
export function refuseRefresh(
  exchange: Exchange,
  deps: SignInDeps,
  { step, err, sub }: Refusal,
): TokenAnswer {
  audit(exchange, deps, { result: 'fail', sub, err, step, answer: 'invalid_grant' });
  return refuseToken('invalid_grant');
}

/** 503: the IdP is slow, broken or misconfigured. The client's token stays good. */
async function failRefresh(
  family: RefreshFamily,
  approval: Approval,
  { exchange, deps, fault }: { exchange: Exchange; deps: SignInDeps; fault: IdpFault },
): Promise<TokenAnswer> {
  const { refreshToken, detail, outcome } = fault;
  if (refreshToken === undefined) await deps.grants.releaseRefreshFamily(family.id);
  else await keepIdpToken(family, { ...approval, idpRefreshToken: refreshToken }, deps);
  const { requestId: request_id } = exchange;
  deps.log.warn(`a refresh failed: the IdP is ${outcome}`, { request_id, reason: detail });
  audit(exchange, deps, {
    result: 'fail',
    sub: family.sub,
    err: detail,
    step: 'token_endpoint',
    answer: 'temporarily_unavailable',
  });
  return refuseToken('temporarily_unavailable');
}

/** A refresh may change everything about a person but who they are. */
function readRefreshed(answer: IdpClaims, approval: Approval, deps: SignInDeps): ClaimsReading {
  if (answer.claims.sub !== approval.idpSub) {
    return { outcome: 'refused', reason: 'the IdP answered for another subject' };
  }
  const reading = readPerson(answer.claims, answer.userinfo, deps.claims);
  return reading.outcome === 'person' && reading.person.sub !== approval.person.sub
    ? { outcome: 'refused', reason: 'the user id of the session changed' }
    : reading;
}

function audit(
  { requestId, clientIp }: Exchange,
  { log }: SignInDeps,
  fields: Parameters<SignInDeps['log']['audit']>[1],
): void {
  const { result, sub, email, ...rest } = fields;
  const who = { request_id: requestId, result, sub, email, client_ip: clientIp };
  log.audit('session.refresh', { ...who, ...rest });
}
