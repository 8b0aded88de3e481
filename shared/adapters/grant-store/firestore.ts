import type { FirestoreDatabase } from '#shared/adapters/firestore/firestore-database.ts';
import { openGrantStore } from '#shared/adapters/firestore/grant-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';

/** Sign-in state in Firestore. @see openFirestoreDatabase */
export function openFirestoreGrantStore(database: FirestoreDatabase): GrantStore {
  return openGrantStore(database);
}
