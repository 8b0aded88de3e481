// cap-changes.ts has what changes a cap, erasure.ts what forgets a person, directory.ts the people,
// alerts.ts the alerts; here is the rest.

import type { CapTable } from '#shared/domain/cap.ts';
import { capTableOf } from '#shared/domain/cap-table.ts';
import type { AdminStore, Alert, AuditRow } from '#shared/ports/admin-store.ts';
import { createGate } from '../sql/gate.ts';
import { snapshot } from '../sql/spend-limits.ts';
import { ALERTS_PER_COMMIT, markAlertsSent, raiseAlerts, readUnsentAlerts } from './alerts.ts';
import { deleteCap, limitOf, limitRef, limitsOf, upsertCap } from './cap-changes.ts';
import { revisionOf, revisionRef } from './change-line.ts';
import { createTurns } from './compare-and-swap.ts';
import { deleteFound } from './delete-found.ts';
import { createDirectory } from './directory.ts';
import { erasePerson } from './erasure.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { QUERIES, startQuery } from './queries.ts';

/** The admin store on Firestore; the caller closes the database after it. */
export function openAdminStore(database: FirestoreDatabase): AdminStore {
  const gate = createGate('the admin store');
  const directory = createDirectory(database);
  const inTurn = createTurns();
  const run = <T>(work: (documents: Documents) => Promise<T>) =>
    gate.enter(() => database.run(work));
  const inLine = <T>(work: (documents: Documents) => Promise<T>) =>
    database.run((documents) => inTurn('caps', () => work(documents)));
  const pruneBefore = (shape: 'auditByAge' | 'alertsByAge', beforeMs: number) =>
    deleteFound(database, (documents) => {
      gate.assertOpen();
      return startQuery(documents, QUERIES[shape]).endBefore(beforeMs).select('atMs');
    });
  return {
    upsertCap: (cap, by) => gate.enter(() => inLine((at) => upsertCap(at, cap, by))),
    deleteCap: (id, by) => gate.enter(() => inLine((at) => deleteCap(at, id, by))),
    cap: (id) => run(async (documents) => limitOf(await limitRef(documents, id).get())),
    caps: () => run(async (documents) => limitsOf((await documents.in('spend_limit').get()).docs)),
    capTable: () => run(readCapTable),
    audit: (afterId, limit) => run((documents) => readAudit(documents, afterId, limit)),
    seen: (people) => gate.enter(() => directory.seen(people)),
    person: (sub) => gate.enter(() => directory.person(sub)),
    people: (after, limit) => gate.enter(() => directory.people(after, limit)),
    peopleByEmail: (email) => gate.enter(() => directory.peopleByEmail(email)),
    raiseAlerts: (alerts) =>
      gate.enter(async () => {
        const fresh: Alert[] = [];
        for (const some of chunked(alerts, ALERTS_PER_COMMIT)) {
          fresh.push(...(await database.run((documents) => raiseAlerts(documents, some))));
        }
        return fresh;
      }),
    unsentAlerts: (limit) => run((documents) => readUnsentAlerts(documents, limit)),
    markAlertsSent: (ids) =>
      gate.enter(async () => {
        for (const some of chunked(ids, ALERTS_PER_COMMIT)) {
          await database.run((documents) => markAlertsSent(documents, some));
        }
      }),
    erase: (sub, pseudonym, by) =>
      gate.enter(async () => {
        const erasure = { sub, pseudonym, by };
        const count = await erasePerson(database, inLine, erasure, gate.assertOpen);
        directory.forget(sub);
        return count;
      }),
    prune: ({ auditMs, peopleMs }) =>
      gate.enter(async () => {
        const rows = await pruneBefore('auditByAge', auditMs);
        const alerts = await pruneBefore('alertsByAge', auditMs);
        return rows + alerts + (await directory.prune(peopleMs, gate.assertOpen));
      }),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}

function chunked<T>(rows: readonly T[], size: number): T[][] {
  const count = Math.ceil(rows.length / size);
  return Array.from({ length: count }, (_, nth) => rows.slice(nth * size, (nth + 1) * size));
}

/** The limits as they were when the version was read, whatever has been written since. */
async function readCapTable(documents: Documents): Promise<CapTable> {
  const revision = await revisionRef(documents).get();
  const { docs } = await documents.client.runTransaction(
    (found) => found.get(documents.in('spend_limit')),
    { readOnly: true, readTime: revision.readTime },
  );
  return capTableOf(revisionOf(revision).capsVersion, limitsOf(docs));
}

async function readAudit(documents: Documents, afterId: number | null, limit: number) {
  const query = startQuery(documents, QUERIES.auditFromNewest).limit(limit + 1);
  const { docs } = await (afterId === null ? query : query.startAfter(afterId)).get();
  const rows = docs.slice(0, limit).map((one): AuditRow => {
    const row = one.get('row') as Omit<AuditRow, 'id' | 'atMs'>;
    const [before, after] = [snapshot(row.before), snapshot(row.after)];
    return { id: one.get('number'), atMs: one.get('atMs'), ...row, before, after };
  });
  return { rows, hasMore: docs.length > limit };
}
