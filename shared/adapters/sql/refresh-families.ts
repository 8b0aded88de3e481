// Refresh token families: rotation is a compare-and-swap on the generation.

import type { RefreshFamily } from '#shared/ports/grant-store.ts';
import type { RefreshFamilyTable } from './schema-grants.ts';
import type { Queries } from './sql-database.ts';

/** @throws AppError `conflict` when the id is taken. */
export async function createRefreshFamily(db: Queries, family: RefreshFamily): Promise<void> {
  await db.insertInto('refresh_family').values(refreshFamilyRow(family)).execute();
}

export async function readRefreshFamily(
  db: Queries,
  id: string,
  nowMs: number,
): Promise<RefreshFamily | null> {
  const row = await db
    .selectFrom('refresh_family')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at_ms', '>', nowMs)
    .executeTakeFirst();
  return row === undefined ? null : refreshFamily(row);
}

export async function leaseRefreshFamily(
  db: Queries,
  lease: { id: string; generation: number; leasedUntilMs: number; nowMs: number },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refresh_family')
    .set({ leased_until_ms: lease.leasedUntilMs })
    .where('id', '=', lease.id)
    .where('generation', '=', lease.generation)
    .where('leased_until_ms', '<=', lease.nowMs)
    .where('expires_at_ms', '>', lease.nowMs)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function rotateRefreshFamily(
  db: Queries,
  from: number,
  next: RefreshFamily,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refresh_family')
    .set({ ...refreshFamilyRow(next), leased_until_ms: 0 })
    .where('id', '=', next.id)
    .where('generation', '=', from)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function releaseRefreshFamily(db: Queries, id: string): Promise<void> {
  await db.updateTable('refresh_family').set({ leased_until_ms: 0 }).where('id', '=', id).execute();
}

export async function deleteRefreshFamilies(
  db: Queries,
  which: { id: string } | { sub: string },
): Promise<string[]> {
  const [column, value] =
    'id' in which ? (['id', which.id] as const) : (['sub', which.sub] as const);
  const rows = await db
    .deleteFrom('refresh_family')
    .where(column, '=', value)
    .returning('id')
    .execute();
  return rows.map((row) => row.id);
}

function refreshFamilyRow(family: RefreshFamily): RefreshFamilyTable {
  return {
    id: family.id,
    sub: family.sub,
    generation: family.generation,
    rotated_at_ms: family.rotatedAtMs,
    sealed: family.sealed,
    created_at_ms: family.createdAtMs,
    expires_at_ms: family.expiresAtMs,
    leased_until_ms: family.leasedUntilMs,
  };
}

function refreshFamily(row: RefreshFamilyTable): RefreshFamily {
  return {
    id: row.id,
    sub: row.sub,
    generation: row.generation,
    rotatedAtMs: row.rotated_at_ms,
    sealed: row.sealed,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    leasedUntilMs: row.leased_until_ms,
  };
}
