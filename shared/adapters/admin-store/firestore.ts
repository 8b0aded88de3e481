import { openAdminStore } from '#shared/adapters/firestore/admin-store.ts';
import type { FirestoreDatabase } from '#shared/adapters/firestore/firestore-database.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';

/** Caps, audit trail and directory in Firestore. @see openFirestoreDatabase */
export function openFirestoreAdminStore(database: FirestoreDatabase): AdminStore {
  return openAdminStore(database);
}
