// Forgets a person: their sessions end, and a pseudonym takes their place in the ledger, the caps and
// the audit trail. What was spent stays.

import { randomBytes } from 'node:crypto';
import type { Clock } from '#shared/domain/clock.ts';
import type { Revocation } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { parseReason } from './body-fields.ts';
import { type CapWriterDeps, publishCaps } from './cap-writer.ts';

export interface EraseDeps extends CapWriterDeps {
  readonly admin: AdminStore;
  readonly ledger: Pick<Ledger, 'erase'>;
  readonly grants: Pick<GrantStore, 'deleteRefreshFamilies'>;
  /** Refuses sessions from now on, on every data plane. */
  readonly revoke: (revocation: Revocation) => Promise<void>;
  /** How long an access token lives. */
  readonly sessionHours: number;
  readonly clock: Clock;
}

/** For clocks that differ. */
const SKEW_MS = 60_000;
/** As caps are kept for; longer than any sub. */
const USER_ID_BYTES_MAX = 2048;

/**
 * Repeated after a failure it goes on, under another pseudonym.
 * @throws AppError `not_found` for somebody of whom nothing is known.
 */
export async function eraseUser(
  deps: EraseDeps,
  { actor }: { readonly actor: string },
  { userId, query }: { readonly userId: string; readonly query: URLSearchParams },
): Promise<object> {
  const reason = parseReason(query.get('reason'));
  if (!isStorable(userId)) throw unknownUser();
  const names = await namesOf(deps.admin, userId);
  const sessions = await deps.grants.deleteRefreshFamilies({ sub: userId });
  const isKnown = names.length > 0 || sessions.length > 0;
  if (isKnown) await refuseSessions(deps, userId);
  const pseudonym = `erased_${randomBytes(8).toString('hex')}`;
  const events = await deps.ledger.erase(userId, pseudonym);
  if (!isKnown && events === 0) throw unknownUser();
  // An administrator may ask for their own erasure.
  const by = {
    actor: actor === `oidc:${userId}` ? `oidc:${pseudonym}` : actor,
    reason,
    atMs: deps.clock.now(),
  };
  // The directory last: while it knows them, a call that failed can be repeated.
  const others = names.filter((name) => name !== userId);
  for (const [nth, name] of others.entries()) {
    await deps.admin.erase(name, `${pseudonym}_${nth + 2}`, by);
  }
  await deps.admin.erase(userId, pseudonym, by);
  deps.log.audit('admin.user.erase', { actor: by.actor, target: pseudonym, events });
  await publishCaps(deps);
  return { type: 'user_erased', id: userId, pseudonym, events };
}

/** No database has kept anything else. */
function isStorable(userId: string): boolean {
  const isText = !userId.includes('\u0000') && userId.isWellFormed();
  return isText && Buffer.byteLength(userId) <= USER_ID_BYTES_MAX;
}

/**
 * What the person is called: their user_id, if it is known, and the e-mail addresses that caps were
 * given before there was one.
 */
async function namesOf(admin: AdminStore, userId: string): Promise<string[]> {
  const person = await admin.person(userId);
  const email = person?.email?.toLowerCase();
  const capped = (await admin.caps()).flatMap(({ scope }) =>
    scope.type === 'user' ? scope.userId : [],
  );
  const theirs = capped.filter((id) => id === userId || id.toLowerCase() === email);
  return [...new Set([...(person === null ? [] : [userId]), ...theirs])];
}

/** Those that are open, on every data plane; a new sign-in is somebody new. */
async function refuseSessions(deps: EraseDeps, sub: string): Promise<void> {
  const nowMs = deps.clock.now();
  const untilMs = nowMs + Math.round(deps.sessionHours * 3_600_000) + SKEW_MS;
  await deps.revoke({ type: 'subject', sub, issuedBeforeMs: nowMs, untilMs });
}

function unknownUser(): AppError {
  return new AppError('not_found', 'user not found');
}
