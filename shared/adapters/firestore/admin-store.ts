// cap-changes.ts has what changes a cap, directory.ts the people; here is the rest.

import { fromCents } from '#shared/domain/money.ts';
import type { AdminStore, AuditRow } from '#shared/ports/admin-store.ts';
import { createGate } from '../sql/gate.ts';
import {
  deleteCap,
  limitOf,
  limitRef,
  limitsOf,
  revisionOf,
  revisionRef,
  upsertCap,
} from './cap-changes.ts';
import { createTurns } from './compare-and-swap.ts';
import { deleteFound } from './delete-found.ts';
import { createDirectory } from './directory.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { QUERIES, startQuery } from './queries.ts';

/** The admin store on Firestore; the caller closes the database after it. */
export function openAdminStore(database: FirestoreDatabase): AdminStore {
  const gate = createGate('the admin store');
  const directory = createDirectory(database);
  const inTurn = createTurns();
  const run = <T>(work: (documents: Documents) => Promise<T>) =>
    gate.enter(() => database.run(work));
  const change = <T>(work: (documents: Documents) => Promise<T>) =>
    run((documents) => inTurn('caps', () => work(documents)));
  return {
    upsertCap: (cap, by) => change((documents) => upsertCap(documents, cap, by)),
    deleteCap: (id, by) => change((documents) => deleteCap(documents, id, by)),
    cap: (id) => run(async (documents) => limitOf(await limitRef(documents, id).get())),
    caps: () => run(async (documents) => limitsOf((await documents.in('spend_limit').get()).docs)),
    capTable: () => run(readCapTable),
    audit: (afterId, limit) => run((documents) => readAudit(documents, afterId, limit)),
    seen: (people) => gate.enter(() => directory.seen(people)),
    person: (sub) => gate.enter(() => directory.person(sub)),
    people: (after, limit) => gate.enter(() => directory.people(after, limit)),
    prune: ({ auditMs, peopleMs }) =>
      gate.enter(async () => {
        const rows = await deleteFound(database, (documents) => {
          gate.assertOpen();
          return startQuery(documents, QUERIES.auditByAge).endBefore(auditMs).select('atMs');
        });
        return rows + (await directory.prune(peopleMs, gate.assertOpen));
      }),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}

/** The limits as they were when the version was read, whatever has been written since. */
async function readCapTable(documents: Documents) {
  const revision = await revisionRef(documents).get();
  const { docs } = await documents.client.runTransaction(
    (snapshot) => snapshot.get(documents.in('spend_limit')),
    { readOnly: true, readTime: revision.readTime },
  );
  const caps = limitsOf(docs).map(({ id, scope, period, amount }) => ({
    id,
    scope,
    period,
    amountMicroUsd: amount === null ? null : fromCents(BigInt(amount)),
  }));
  return { version: revisionOf(revision).capsVersion, caps };
}

async function readAudit(documents: Documents, afterId: number | null, limit: number) {
  const query = startQuery(documents, QUERIES.auditFromNewest).limit(limit + 1);
  const { docs } = await (afterId === null ? query : query.startAfter(afterId)).get();
  const rows = docs.slice(0, limit).map(
    (one): AuditRow => ({
      id: one.get('number'),
      atMs: one.get('atMs'),
      ...(one.get('row') as Omit<AuditRow, 'id' | 'atMs'>),
    }),
  );
  return { rows, hasMore: docs.length > limit };
}
