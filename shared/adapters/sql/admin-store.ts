// Every change of a cap first bumps a revision: its row lock puts concurrent writers in one line, so
// audit ids ascend in the order of the commits and a table never shows a version twice.

import type { CapTable } from '#shared/domain/cap.ts';
import { fromCents } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type {
  Actor,
  AdminStore,
  AuditRow,
  CapUpsert,
  SpendLimit,
} from '#shared/ports/admin-store.ts';
import { readPeople, readPerson, writePeople } from './directory.ts';
import { createGate } from './gate.ts';
import type { AuditTable, RevisionTable, SpendLimitTable } from './schema.ts';
import { auditRow, capScope, scopeId, spendLimit } from './spend-limits.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

/** The admin store on any SQL database; the caller closes the database after it. */
export function openSqlAdminStore(database: SqlDatabase): AdminStore {
  const gate = createGate('the admin store');
  const run = <T>(work: (db: Queries) => Promise<T>) => gate.enter(() => database.run(work));
  const transaction = <T>(work: (db: Queries) => Promise<T>) =>
    gate.enter(() => database.transaction(work));
  return {
    upsertCap: (cap, by) => transaction((db) => upsertCap(db, cap, by)),
    deleteCap: (id, by) => transaction((db) => deleteCap(db, id, by)),
    cap: (id) => run((db) => readCap(db, id)),
    caps: () => run(readCaps),
    capTable: () => run(readCapTable),
    audit: (afterId, limit) => run((db) => readAudit(db, afterId, limit)),
    seen: (people) => transaction((db) => writePeople(db, people)),
    person: (sub) => run((db) => readPerson(db, sub)),
    people: (after, limit) => run((db) => readPeople(db, after, limit)),
    prune: (before) => transaction((db) => prune(db, before)),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}

async function upsertCap(db: Queries, cap: CapUpsert, by: Actor) {
  const auditId = await nextAuditId(db);
  const known = await db
    .selectFrom('spend_limit')
    .selectAll()
    .where('scope_type', '=', cap.scope.type)
    .where('scope_id', '=', scopeId(cap.scope))
    .where('period', '=', cap.period)
    .executeTakeFirst();
  const row: SpendLimitTable = {
    id: known?.id ?? cap.id,
    position: known?.position ?? auditId,
    scope_type: cap.scope.type,
    scope_id: scopeId(cap.scope),
    period: cap.period,
    amount: cap.amount,
    created_at_ms: known?.created_at_ms ?? by.atMs,
    updated_at_ms: by.atMs,
  };
  if (known === undefined) await db.insertInto('spend_limit').values(row).execute();
  else await db.updateTable('spend_limit').set(row).where('id', '=', row.id).execute();
  const before = known === undefined ? null : spendLimit(known);
  const after = spendLimit(row);
  await writeChange(db, auditId, 'upsert', by, before, after);
  return { before, after };
}

async function deleteCap(db: Queries, id: string, by: Actor): Promise<SpendLimit | null> {
  if ((await readCap(db, id)) === null) return null;
  const auditId = await nextAuditId(db);
  const deleted = await db
    .deleteFrom('spend_limit')
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
  if (deleted === undefined) return null;
  const before = spendLimit(deleted);
  await writeChange(db, auditId, 'delete', by, before, null);
  return before;
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

async function writeChange(
  db: Queries,
  id: number,
  action: AuditRow['action'],
  by: Actor,
  before: SpendLimit | null,
  after: SpendLimit | null,
): Promise<void> {
  const row: AuditTable = {
    id,
    at_ms: by.atMs,
    actor: by.actor,
    action,
    target: (after ?? before)?.id ?? '',
    reason: by.reason,
    before: before === null ? null : JSON.stringify(before),
    after: after === null ? null : JSON.stringify(after),
  };
  await db.insertInto('audit').values(row).execute();
  // Not below the time of the change: a database restored from a backup must not publish its next
  // change under a version that the quota store has seen already.
  const version = Math.max((await readRevision(db, 'caps')) + 1, by.atMs);
  await db.updateTable('revision').set({ value: version }).where('name', '=', 'caps').execute();
}

async function readRevision(db: Queries, name: RevisionTable['name']): Promise<number> {
  const { value } = await db
    .selectFrom('revision')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return value;
}

async function readCap(db: Queries, id: string): Promise<SpendLimit | null> {
  const row = await db
    .selectFrom('spend_limit')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : spendLimit(row);
}

async function readCaps(db: Queries): Promise<SpendLimit[]> {
  const rows = await db.selectFrom('spend_limit').selectAll().orderBy('position').execute();
  return rows.map(spendLimit);
}

/** One statement: two would see two states on PostgreSQL, a version and another version's caps. */
async function readCapTable(db: Queries): Promise<CapTable> {
  const rows = await db
    .selectFrom('revision')
    .leftJoin('spend_limit', (join) => join.onTrue())
    .select(['value', 'id', 'scope_type', 'scope_id', 'period', 'amount'])
    .where('revision.name', '=', 'caps')
    .orderBy('position')
    .execute();
  const caps = rows.flatMap(({ id, scope_type, scope_id, period, amount }) =>
    id === null
      ? []
      : {
          id,
          scope: capScope(scope_type ?? '', scope_id ?? ''),
          period: period as Period,
          amountMicroUsd: amount === null ? null : fromCents(BigInt(amount)),
        },
  );
  return { version: rows[0]?.value ?? 0, caps };
}

async function readAudit(db: Queries, afterId: number | null, limit: number) {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .$if(afterId !== null, (query) => query.where('id', '<', afterId ?? 0))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return { rows: rows.slice(0, limit).map(auditRow), hasMore: rows.length > limit };
}

async function prune(db: Queries, before: { auditMs: number; peopleMs: number }) {
  const audit = await db.deleteFrom('audit').where('at_ms', '<', before.auditMs).executeTakeFirst();
  const people = await db
    .deleteFrom('person')
    .where('last_seen_ms', '<', before.peopleMs)
    .executeTakeFirst();
  return Number(audit.numDeletedRows + people.numDeletedRows);
}
