// The rows behind our refresh tokens. One sign-in is one family; each refresh is a generation. The
// family's id is the session's id, so ending one ends the other.

import type { RefreshFamily } from '#shared/ports/grant-store.ts';
import { type Approval, sealApproval } from '../login/approval.ts';
import type { SignInDeps } from './sign-in-deps.ts';

/** A family that nobody used for so long is gone; an active one never ends by itself. */
const IDLE_MS = 90 * 86_400_000;

/** Opens a family and renders its first token; null when the IdP gave nothing to come back with. */
export async function openRefreshFamily(
  sessionId: string,
  approval: Approval,
  deps: SignInDeps,
): Promise<string | null> {
  if (approval.idpRefreshToken === null) return null;
  const nowMs = deps.clock.now();
  await deps.grants.createRefreshFamily({
    id: sessionId,
    sub: approval.person.sub,
    generation: 0,
    rotatedAtMs: nowMs,
    sealed: await sealApproval(deps.sealer, approval, 'refresh-family'),
    createdAtMs: nowMs,
    expiresAtMs: nowMs + IDLE_MS,
    leasedUntilMs: 0,
  });
  return deps.refreshTokens.render({ familyId: sessionId, generation: 0 });
}

/** Stores what the IdP said last, one generation on. False: the family moved or was ended. */
export async function rotateRefreshFamily(
  family: RefreshFamily,
  approval: Approval,
  deps: SignInDeps,
): Promise<boolean> {
  const nowMs = deps.clock.now();
  return deps.grants.rotateRefreshFamily(family.generation, {
    ...family,
    generation: family.generation + 1,
    rotatedAtMs: nowMs,
    sealed: await sealApproval(deps.sealer, approval, 'refresh-family'),
    expiresAtMs: nowMs + IDLE_MS,
    leasedUntilMs: 0,
  });
}

/** Keeps a refresh token that the IdP rotated although the refresh failed; gives the lease back. */
export async function keepIdpToken(
  family: RefreshFamily,
  approval: Approval,
  deps: SignInDeps,
): Promise<void> {
  const sealed = await sealApproval(deps.sealer, approval, 'refresh-family');
  await deps.grants.rotateRefreshFamily(family.generation, { ...family, sealed, leasedUntilMs: 0 });
}

/**
 * Ends a session for good: no refresh finds its family, and every data plane refuses its access
 * tokens from the next request on.
 */
export async function endSession(sessionId: string, deps: SignInDeps): Promise<void> {
  await deps.grants.deleteRefreshFamilies({ id: sessionId });
  // The longest that an access token of it can still live, and a minute for clocks that differ.
  const untilMs = deps.clock.now() + Math.round(deps.session.ttlHours * 3_600_000) + 60_000;
  await deps.revoke({ type: 'session', sessionId, untilMs });
}
