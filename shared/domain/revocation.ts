// Who is refused although their token still verifies.

import type { Revocation, SessionRef } from './quota.ts';

export interface Revocations {
  /** Session id → until when it must be remembered (its last token has expired by then). */
  readonly sessions: Map<string, number>;
  readonly subjects: Map<string, { issuedBeforeMs: number; untilMs: number }>;
}

export function revoke(state: Revocations, revocation: Revocation): void {
  if (revocation.type === 'session') {
    const known = state.sessions.get(revocation.sessionId) ?? 0;
    state.sessions.set(revocation.sessionId, Math.max(known, revocation.untilMs));
    return;
  }
  const known = state.subjects.get(revocation.sub);
  state.subjects.set(revocation.sub, {
    issuedBeforeMs: Math.max(known?.issuedBeforeMs ?? 0, revocation.issuedBeforeMs),
    untilMs: Math.max(known?.untilMs ?? 0, revocation.untilMs),
  });
}

export function isRevoked(state: Revocations, session: SessionRef, nowMs: number): boolean {
  const { sub, sessionId, issuedAtMs } = session;
  if (sessionId !== null && (state.sessions.get(sessionId) ?? 0) > nowMs) return true;
  const person = state.subjects.get(sub);
  return person !== undefined && person.untilMs > nowMs && issuedAtMs <= person.issuedBeforeMs;
}

export function forgetRevocations(state: Revocations, nowMs: number): void {
  for (const [id, untilMs] of state.sessions) if (untilMs <= nowMs) state.sessions.delete(id);
  for (const [sub, { untilMs }] of state.subjects) {
    if (untilMs <= nowMs) state.subjects.delete(sub);
  }
}
