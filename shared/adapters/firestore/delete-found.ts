// Deletes what a query finds, unless it was written since: what expired may have been given again.

import type { DocumentReference, Query, QueryDocumentSnapshot } from '@google-cloud/firestore';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';

const PAGE = 300;

export interface DeleteChoices {
  /** Which of what is found; absent: all of it. */
  readonly isDue?: (found: QueryDocumentSnapshot) => boolean;
  /** What goes with it. */
  readonly and?: (
    documents: Documents,
    found: QueryDocumentSnapshot,
  ) => readonly DocumentReference[];
}

/** Each page is a call of its own, with its own deadline. Returns how many went. */
export async function deleteFound(
  database: FirestoreDatabase,
  find: (documents: Documents) => Query,
  { isDue = () => true, and = () => [] }: DeleteChoices = {},
): Promise<number> {
  let deleted = 0;
  let after: QueryDocumentSnapshot | undefined;
  do {
    const { docs } = await database.run((documents) => {
      const query = find(documents);
      return (after === undefined ? query : query.startAfter(after)).limit(PAGE).get();
    });
    deleted += await deleteUnmoved(database, docs.filter(isDue), and);
    after = docs.length < PAGE ? undefined : docs.at(-1);
  } while (after !== undefined);
  return deleted;
}

async function deleteUnmoved(
  database: FirestoreDatabase,
  found: readonly QueryDocumentSnapshot[],
  and: NonNullable<DeleteChoices['and']>,
): Promise<number> {
  if (found.length === 0) return 0;
  const isDone = await database.run(async (documents) => {
    const batch = documents.client.batch();
    for (const one of found) {
      batch.delete(one.ref, { lastUpdateTime: one.updateTime });
      for (const ref of and(documents, one)) batch.delete(ref);
    }
    try {
      await batch.commit();
      return true;
    } catch (caught) {
      if (isMoved(caught)) return false;
      throw caught;
    }
  });
  if (isDone) return found.length;
  if (found.length === 1) return 0;
  const half = found.length >> 1;
  const first = await deleteUnmoved(database, found.slice(0, half), and);
  return first + (await deleteUnmoved(database, found.slice(half), and));
}
