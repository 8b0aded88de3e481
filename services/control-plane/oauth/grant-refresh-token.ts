// RFC 6749 §6 with rotation and reuse detection (RFC 9700 §4.14). A refresh goes back to the IdP:
// it alone knows whether the person still works here. Its refusal is 401 `invalid_grant`;
// everything that is not its word on the person is 503, and the same token is good for the next
// try.
//
// One refresh per family at a time, by the lease in the store. A client that waits too long gets
// 503 while the refresh runs on: the IdP may have rotated its own token already, and what it
// answers late must be kept. The client's next try then finds the answer.

import { setTimeout as delay } from 'node:timers/promises';
import type { Exchange } from '#shared/http/route.ts';
import type { RefreshTokenName } from '#shared/identity/refresh-token.ts';
import type { RefreshFamily } from '#shared/ports/grant-store.ts';
import { openApproval } from '../login/approval.ts';
import { refreshAtIdp, refuseRefresh } from './refresh-at-idp.ts';
import { endSession } from './refresh-family.ts';
import type { SignInDeps } from './sign-in-deps.ts';
import { grantToken, refuseToken, type TokenAnswer } from './token-answer.ts';

/** A client that did not hear the answer may ask with the old token once more. */
const GRACE_MS = 30_000;
/** Longer than any refresh runs: after it, whoever held the lease is taken for dead. */
const LEASE_MS = 120_000;
const LEASE_POLL_MS = 100;

type RefreshGrant = (token: string | null, exchange: Exchange) => Promise<TokenAnswer>;

export function createRefreshGrant(deps: SignInDeps): RefreshGrant {
  // Requests of this process for the same family share the refresh that has its lease.
  const leased = new Map<string, Promise<TokenAnswer>>();
  return async (token, exchange) => {
    if (token === null || token === '') return refuseToken('invalid_request');
    const name = deps.refreshTokens.parse(token);
    if (name === null) {
      return refuseRefresh(exchange, deps, { step: 'token_endpoint', err: 'unknown token' });
    }
    return answerInTime(runRefresh(name, exchange, deps, leased), deps);
  };
}

async function answerInTime(
  refresh: Promise<TokenAnswer>,
  { session, log }: SignInDeps,
): Promise<TokenAnswer> {
  const timer = new AbortController();
  const late = delay(session.refreshAnswerSeconds * 1000, null, { signal: timer.signal });
  try {
    const answer = await Promise.race([refresh, late]);
    if (answer !== null) return answer;
    refresh.catch((error: unknown) =>
      log.error('a late refresh failed', { reason: String(error) }),
    );
    return refuseToken('temporarily_unavailable');
  } finally {
    late.catch(() => null);
    timer.abort();
  }
}

async function runRefresh(
  name: RefreshTokenName,
  exchange: Exchange,
  deps: SignInDeps,
  leased: Map<string, Promise<TokenAnswer>>,
): Promise<TokenAnswer> {
  const { grants, clock, session } = deps;
  const polls = Math.ceil((session.refreshAnswerSeconds * 1000) / LEASE_POLL_MS);
  for (let poll = 0; poll < polls; poll += 1) {
    if (poll > 0) await delay(LEASE_POLL_MS);
    const family = await grants.refreshFamily(name.familyId, clock.now());
    if (family === null) {
      return refuseRefresh(exchange, deps, { step: 'token_endpoint', err: 'session ended' });
    }
    const { id, generation } = family;
    if (generation !== name.generation) return answerOld(name, family, exchange, deps);
    const underWay = leased.get(id);
    if (underWay !== undefined) return underWay;
    const untilMs = clock.now() + LEASE_MS;
    if (await grants.leaseRefreshFamily(id, generation, untilMs, clock.now())) {
      const refresh = refreshLeased(family, exchange, deps).finally(() => leased.delete(id));
      leased.set(id, refresh);
      return refresh;
    }
  }
  return refuseToken('temporarily_unavailable');
}

async function refreshLeased(
  family: RefreshFamily,
  exchange: Exchange,
  deps: SignInDeps,
): Promise<TokenAnswer> {
  try {
    return await refreshAtIdp(family, exchange, deps);
  } catch (error) {
    await deps.grants.releaseRefreshFamily(family.id).catch(() => null);
    throw error;
  }
}

/**
 * A token of the past: the one just before, in time, is an answer that got lost; else it leaked.
 */
async function answerOld(
  name: RefreshTokenName,
  family: RefreshFamily,
  exchange: Exchange,
  deps: SignInDeps,
): Promise<TokenAnswer> {
  const previous = name.generation === family.generation - 1;
  if (previous && deps.clock.now() - family.rotatedAtMs <= GRACE_MS) {
    const approval = await openApproval(deps.sealer, family.sealed, 'refresh-family');
    if (approval !== null) {
      const { generation } = family;
      const refreshToken = deps.refreshTokens.render({ familyId: family.id, generation });
      const { person } = approval;
      return grantToken({ person, sessionId: family.id, refreshToken }, exchange, deps);
    }
  }
  await endSession(family.id, deps);
  const err = 'a refresh token was used again after its rotation; the session was revoked';
  return refuseRefresh(exchange, deps, { step: 'reuse', err, sub: family.sub });
}
