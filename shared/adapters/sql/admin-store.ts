// cap-changes.ts has what changes a cap, directory.ts the people, alerts.ts the alerts; here is the rest.

import type { CapTable } from '#shared/domain/cap.ts';
import { capTableOf } from '#shared/domain/cap-table.ts';
import type { AdminStore, SpendLimit } from '#shared/ports/admin-store.ts';
import { markAlertsSent, raiseAlerts, readUnsentAlerts } from './alerts.ts';
import { deleteCap, erasePerson, readCap, upsertCap } from './cap-changes.ts';
import { readPeople, readPeopleByEmail, readPerson, writePeople } from './directory.ts';
import { createGate } from './gate.ts';
import type { SpendLimitTable } from './schema.ts';
import { auditRow, spendLimit } from './spend-limits.ts';
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
    peopleByEmail: (email) => run((db) => readPeopleByEmail(db, email)),
    raiseAlerts: (alerts) => transaction((db) => raiseAlerts(db, alerts)),
    unsentAlerts: (limit) => run((db) => readUnsentAlerts(db, limit)),
    markAlertsSent: (ids) => transaction((db) => markAlertsSent(db, ids)),
    erase: (sub, pseudonym, by) => transaction((db) => erasePerson(db, sub, pseudonym, by)),
    prune: (before) => transaction((db) => prune(db, before)),
    [Symbol.asyncDispose]: () => gate.close(),
  };
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
    .selectAll('spend_limit')
    .select('value')
    .where('revision.name', '=', 'caps')
    .orderBy('position')
    .execute();
  // Without a limit the join has one row, whose columns are null but for the version.
  const limits = rows.flatMap((row) => (row.id === null ? [] : spendLimit(row as SpendLimitTable)));
  return capTableOf(rows[0]?.value ?? 0, limits);
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

async function prune(db: Queries, { auditMs, peopleMs }: { auditMs: number; peopleMs: number }) {
  const audit = await db.deleteFrom('audit').where('at_ms', '<', auditMs).executeTakeFirst();
  const alerts = await db.deleteFrom('alert').where('at_ms', '<', auditMs).executeTakeFirst();
  const people = await db
    .deleteFrom('person')
    .where('last_seen_ms', '<', peopleMs)
    .executeTakeFirst();
  return Number(audit.numDeletedRows + alerts.numDeletedRows + people.numDeletedRows);
}
