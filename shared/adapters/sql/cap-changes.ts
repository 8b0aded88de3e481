// Every change of a cap first bumps a revision: its row lock puts concurrent writers in one line, so
// audit ids ascend in the order of the commits and a table never shows a version twice.

import { sql } from 'kysely';
import type { Actor, AuditRow, CapUpsert, SpendLimit } from '#shared/ports/admin-store.ts';
import type { AuditTable, RevisionTable } from './schema.ts';
import { auditRow, limitRow, renamedAudit, scopeId, spendLimit, upserted } from './spend-limits.ts';
import type { Queries } from './sql-database.ts';

export async function upsertCap(db: Queries, cap: CapUpsert, by: Actor) {
  const auditId = await nextAuditId(db);
  const known = await db
    .selectFrom('spend_limit')
    .selectAll()
    .where('scope_type', '=', cap.scope.type)
    .where('scope_id', '=', scopeId(cap.scope))
    .where('period', '=', cap.period)
    .where('model', '=', cap.model ?? '')
    .executeTakeFirst();
  const before = known === undefined ? null : spendLimit(known);
  const after = upserted(cap, before, by);
  const row = limitRow(after, known?.position ?? auditId);
  if (known === undefined) await db.insertInto('spend_limit').values(row).execute();
  else await db.updateTable('spend_limit').set(row).where('id', '=', row.id).execute();
  await writeChange(db, auditId, by, { action: 'upsert', target: after.id, before, after });
  return { before, after };
}

export async function deleteCap(db: Queries, id: string, by: Actor): Promise<SpendLimit | null> {
  if ((await readCap(db, id)) === null) return null;
  const auditId = await nextAuditId(db);
  const deleted = await db
    .deleteFrom('spend_limit')
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
  if (deleted === undefined) return null;
  const before = spendLimit(deleted);
  await writeChange(db, auditId, by, { action: 'delete', target: id, before, after: null });
  return before;
}

/** Returns how many rows said who it was. The erasure has an audit row even where none did. */
export async function erasePerson(
  db: Queries,
  sub: string,
  pseudonym: string,
  by: Actor,
): Promise<number> {
  const auditId = await nextAuditId(db);
  const person = await db.deleteFrom('person').where('sub', '=', sub).executeTakeFirst();
  const caps = await db
    .updateTable('spend_limit')
    .set({ scope_id: pseudonym })
    .where('scope_type', '=', 'user')
    .where('scope_id', '=', sub)
    .executeTakeFirst();
  const told = await renameInAudit(db, sub, pseudonym);
  await writeChange(db, auditId, by, {
    action: 'erase',
    target: pseudonym,
    before: null,
    after: null,
  });
  return Number(person.numDeletedRows + caps.numUpdatedRows) + told;
}

async function renameInAudit(db: Queries, sub: string, pseudonym: string): Promise<number> {
  const literal = `"userId":${JSON.stringify(sub)}`.replaceAll(/[\\%_]/g, '\\$&');
  // Finds too much where `like` ignores case: `renamedAudit` decides.
  const names = (column: 'before' | 'after') =>
    sql<boolean>`${sql.ref(column)} like ${`%${literal}%`} escape '\\'`;
  const found = await db
    .selectFrom('audit')
    .selectAll()
    .where((eb) => eb.or([eb('actor', '=', `oidc:${sub}`), names('before'), names('after')]))
    .execute();
  let changed = 0;
  for (const row of found) {
    const after = renamedAudit(auditRow(row), sub, pseudonym);
    if (after === null) continue;
    changed += 1;
    await db
      .updateTable('audit')
      .set({ actor: after.actor, before: json(after.before), after: json(after.after) })
      .where('id', '=', row.id)
      .execute();
  }
  return changed;
}

async function nextAuditId(db: Queries): Promise<number> {
  const { value } = await db
    .updateTable('revision')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'audit')
    .returning('value')
    .executeTakeFirstOrThrow();
  return value;
}

type Change = Pick<AuditRow, 'action' | 'target' | 'before' | 'after'>;

async function writeChange(db: Queries, id: number, by: Actor, change: Change): Promise<void> {
  const row: AuditTable = {
    id,
    at_ms: by.atMs,
    actor: by.actor,
    action: change.action,
    target: change.target,
    reason: by.reason,
    before: json(change.before),
    after: json(change.after),
  };
  await db.insertInto('audit').values(row).execute();
  // Not below the time of the change: a database restored from a backup must not publish its next
  // change under a version that the quota store has seen already.
  const version = Math.max((await readRevision(db, 'caps')) + 1, by.atMs);
  await db.updateTable('revision').set({ value: version }).where('name', '=', 'caps').execute();
}

function json(limit: SpendLimit | null): string | null {
  return limit === null ? null : JSON.stringify(limit);
}

async function readRevision(db: Queries, name: RevisionTable['name']): Promise<number> {
  const { value } = await db
    .selectFrom('revision')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return value;
}

export async function readCap(db: Queries, id: string): Promise<SpendLimit | null> {
  const row = await db
    .selectFrom('spend_limit')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : spendLimit(row);
}
