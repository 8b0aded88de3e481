// Forgets a person. The audit trail is told page by page first, as it may be long; what says who they
// are now goes in one commit, in line with the changes of caps. Repeated after a failure it goes on.

import type { QueryDocumentSnapshot } from '@google-cloud/firestore';
import type { Actor, AuditRow } from '#shared/ports/admin-store.ts';
import { renamedAudit } from '../sql/spend-limits.ts';
import { limitOf, renameLimits } from './cap-changes.ts';
import { changeInLine } from './change-line.ts';
import { personRef } from './directory.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import { QUERIES, startQuery } from './queries.ts';

const PAGE = 300;

export interface Erasure {
  readonly sub: string;
  readonly pseudonym: string;
  readonly by: Actor;
}

/** Returns how many documents said who it was. */
export async function erasePerson(
  database: FirestoreDatabase,
  change: <T>(work: (documents: Documents) => Promise<T>) => Promise<T>,
  erasure: Erasure,
  assertOpen: () => void,
): Promise<number> {
  const before = await renameInAudit(database, erasure, 0, assertOpen);
  const erased = await change((documents) => eraseNow(documents, erasure));
  const meanwhile = await renameInAudit(database, erasure, before.newest, assertOpen);
  return before.renamed + erased + meanwhile.renamed;
}

function eraseNow(documents: Documents, { sub, pseudonym, by }: Erasure): Promise<number> {
  return changeInLine(documents, {
    by,
    refs: [personRef(documents, sub)],
    plan: async ([person]) => {
      const all = (await documents.in('spend_limit').get()).docs;
      const theirs = all.filter((one) => {
        const scope = limitOf(one)?.scope;
        return scope?.type === 'user' && scope.userId === sub;
      });
      return {
        answer: theirs.length + (person?.exists === true ? 1 : 0),
        change: { action: 'erase', target: pseudonym, before: null, after: null },
        write(batch) {
          if (person !== undefined) batch.delete(person.ref);
          renameLimits(batch, documents, theirs, pseudonym);
        },
      };
    },
  });
}

/** Rows newer than `afterNumber`. */
async function renameInAudit(
  database: FirestoreDatabase,
  { sub, pseudonym }: Erasure,
  afterNumber: number,
  assertOpen: () => void,
): Promise<{ renamed: number; newest: number }> {
  let renamed = 0;
  let newest = afterNumber;
  let last: number | null = null;
  for (;;) {
    assertOpen();
    const docs: QueryDocumentSnapshot[] = await database.run(async (documents) => {
      const query = startQuery(documents, QUERIES.auditFromNewest).endBefore(afterNumber);
      return (await (last === null ? query : query.startAfter(last)).limit(PAGE).get()).docs;
    });
    for (const one of docs) {
      newest = Math.max(newest, one.get('number'));
      last = one.get('number') as number;
      const row = one.get('row') as Omit<AuditRow, 'id' | 'atMs'>;
      const after = renamedAudit(row, sub, pseudonym);
      if (after === null) continue;
      renamed += await database.run(() => update(one, { ...row, ...after }));
    }
    if (docs.length < PAGE) return { renamed, newest };
  }
}

/** 0: it was pruned, or renamed by another call of this. */
async function update(found: QueryDocumentSnapshot, row: object): Promise<0 | 1> {
  try {
    await found.ref.update({ row }, { lastUpdateTime: found.updateTime });
    return 1;
  } catch (caught) {
    if (isMoved(caught)) return 0;
    throw caught;
  }
}
