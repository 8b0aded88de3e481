// Revocations, sign-in rate limits and values that are good for one use.

import type { Revocation } from '#shared/domain/quota.ts';
import type { RevocationTable } from './schema-grants.ts';
import type { Queries } from './sql-database.ts';

/** Of two revocations of the same target the wider one holds, in every order. */
export async function addRevocation(db: Queries, revocation: Revocation): Promise<void> {
  await db
    .insertInto('revocation')
    .values(revocationRow(revocation))
    .onConflict((conflict) =>
      conflict.columns(['type', 'target']).doUpdateSet((eb) => ({
        issued_before_ms: eb
          .case()
          .when('revocation.issued_before_ms', '>', eb.ref('excluded.issued_before_ms'))
          .then(eb.ref('revocation.issued_before_ms'))
          .else(eb.ref('excluded.issued_before_ms'))
          .end(),
        until_ms: eb
          .case()
          .when('revocation.until_ms', '>', eb.ref('excluded.until_ms'))
          .then(eb.ref('revocation.until_ms'))
          .else(eb.ref('excluded.until_ms'))
          .end(),
      })),
    )
    .execute();
}

export async function readRevocations(db: Queries, nowMs: number): Promise<Revocation[]> {
  const rows = await db
    .selectFrom('revocation')
    .selectAll()
    .where('until_ms', '>', nowMs)
    .execute();
  return rows.map(revocation);
}

export async function countHit(
  db: Queries,
  key: string,
  windowSeconds: number,
  nowMs: number,
): Promise<number> {
  const { hits } = await db
    .insertInto('hit_window')
    .values({ key, hits: 1, expires_at_ms: nowMs + windowSeconds * 1000 })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet((eb) => ({
        hits: eb
          .case()
          .when('hit_window.expires_at_ms', '<=', nowMs)
          .then(eb.ref('excluded.hits'))
          .else(eb('hit_window.hits', '+', 1))
          .end(),
        expires_at_ms: eb
          .case()
          .when('hit_window.expires_at_ms', '<=', nowMs)
          .then(eb.ref('excluded.expires_at_ms'))
          .else(eb.ref('hit_window.expires_at_ms'))
          .end(),
      })),
    )
    .returning('hits')
    .executeTakeFirstOrThrow();
  return hits;
}

export async function useOnce(
  db: Queries,
  key: string,
  expiresAtMs: number,
  nowMs: number,
): Promise<boolean> {
  const used = await db
    .insertInto('used_once')
    .values({ key, expires_at_ms: expiresAtMs })
    .onConflict((conflict) =>
      conflict
        .column('key')
        .doUpdateSet((eb) => ({ expires_at_ms: eb.ref('excluded.expires_at_ms') }))
        .where('used_once.expires_at_ms', '<=', nowMs),
    )
    .returning('key')
    .executeTakeFirst();
  return used !== undefined;
}

export async function sweepExpired(db: Queries, nowMs: number): Promise<void> {
  await db.deleteFrom('device_grant').where('expires_at_ms', '<=', nowMs).execute();
  await db.deleteFrom('refresh_family').where('expires_at_ms', '<=', nowMs).execute();
  await db.deleteFrom('revocation').where('until_ms', '<=', nowMs).execute();
  await db.deleteFrom('hit_window').where('expires_at_ms', '<=', nowMs).execute();
  await db.deleteFrom('used_once').where('expires_at_ms', '<=', nowMs).execute();
}

function revocationRow(revocation: Revocation): RevocationTable {
  const { type, untilMs } = revocation;
  return type === 'session'
    ? { type, target: revocation.sessionId, issued_before_ms: 0, until_ms: untilMs }
    : {
        type,
        target: revocation.sub,
        issued_before_ms: revocation.issuedBeforeMs,
        until_ms: untilMs,
      };
}

function revocation(row: RevocationTable): Revocation {
  const { type, target, issued_before_ms: issuedBeforeMs, until_ms: untilMs } = row;
  return type === 'session'
    ? { type, sessionId: target, untilMs }
    : { type, sub: target, issuedBeforeMs, untilMs };
}
