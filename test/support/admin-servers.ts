// The admin API's databases that are servers: apart from SQLite's, as their clients take long to load.

import { openFirestoreAdminStore } from '#shared/adapters/admin-store/firestore.ts';
import { openPostgresAdminStore } from '#shared/adapters/admin-store/postgres.ts';
import { openFirestoreGrantStore } from '#shared/adapters/grant-store/firestore.ts';
import { openPostgresGrantStore } from '#shared/adapters/grant-store/postgres.ts';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import type { OpenAdminDatabase } from './admin-database.ts';
import { newPlace, openDatabaseAt } from './firestore-instance.ts';
import { databaseAt } from './postgres-instance.ts';

export function onPostgres(freshUrl: () => Promise<string>): OpenAdminDatabase {
  return async (cleanup) => {
    const database = cleanup.use(await databaseAt(await freshUrl()));
    return {
      admin: cleanup.use(openPostgresAdminStore(database)),
      grants: cleanup.use(openPostgresGrantStore(database)),
      ledger: cleanup.use(openPostgresLedger(database)),
    };
  };
}

export function onFirestore(host: string): OpenAdminDatabase {
  return async (cleanup) => {
    const database = cleanup.use(openDatabaseAt(newPlace(host)));
    return {
      admin: cleanup.use(openFirestoreAdminStore(database)),
      grants: cleanup.use(openFirestoreGrantStore(database)),
      ledger: cleanup.use(openFirestoreLedger(database, { eventRetentionMonths: 13 })),
    };
  };
}
