// Deletes what a query finds, unless it was written since: what expired may have been given again.

import type { Query, QueryDocumentSnapshot } from '@google-cloud/firestore';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';

const PAGE = 300;

/** Each page is a call of its own, with its own deadline. Returns how many went. */
export async function deleteFound(
  database: FirestoreDatabase,
  find: (documents: Documents) => Query,
  isDue: (found: QueryDocumentSnapshot) => boolean = () => true,
): Promise<number> {
  let deleted = 0;
  let after: QueryDocumentSnapshot | undefined;
  do {
    const { docs } = await database.run((documents) => {
      const query = find(documents);
      return (after === undefined ? query : query.startAfter(after)).limit(PAGE).get();
    });
    deleted += await deleteUnmoved(database, docs.filter(isDue));
    after = docs.length < PAGE ? undefined : docs.at(-1);
  } while (after !== undefined);
  return deleted;
}

async function deleteUnmoved(
  database: FirestoreDatabase,
  found: readonly QueryDocumentSnapshot[],
): Promise<number> {
  if (found.length === 0) return 0;
  const isDone = await database.run(async ({ client }) => {
    const batch = client.batch();
    for (const { ref, updateTime } of found) batch.delete(ref, { lastUpdateTime: updateTime });
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
  const first = await deleteUnmoved(database, found.slice(0, half));
  return first + (await deleteUnmoved(database, found.slice(half)));
}
