import type { FirestoreDatabase } from '#shared/adapters/firestore/firestore-database.ts';
import { type FirestoreLedgerOptions, openLedger } from '#shared/adapters/firestore/ledger.ts';
import type { Ledger } from '#shared/ports/ledger.ts';

/** The ledger in Firestore. @see openFirestoreDatabase */
export function openFirestoreLedger(
  database: FirestoreDatabase,
  options: FirestoreLedgerOptions = {},
): Ledger {
  return openLedger(database, options);
}
