// An admin store and a ledger over one database, for the gateways of tests.

import { openFirestoreAdminStore } from '#shared/adapters/admin-store/firestore.ts';
import { openPostgresAdminStore } from '#shared/adapters/admin-store/postgres.ts';
import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openFirestoreGrantStore } from '#shared/adapters/grant-store/firestore.ts';
import { openPostgresGrantStore } from '#shared/adapters/grant-store/postgres.ts';
import { openSqliteGrantStore } from '#shared/adapters/grant-store/sqlite.ts';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { newPlace, openDatabaseAt } from './firestore-instance.ts';
import { databaseAt } from './postgres-instance.ts';
import { temporaryDatabase } from './sqlite-instance.ts';

export interface AdminDatabase {
  readonly admin: AdminStore;
  readonly grants: GrantStore;
  readonly ledger: Ledger;
}

/** Opens an empty database; everything of it is closed and removed by the stack. */
export type OpenAdminDatabase = (cleanup: AsyncDisposableStack) => Promise<AdminDatabase>;

export const onSqlite: OpenAdminDatabase = async (cleanup) => {
  const file = cleanup.use(temporaryDatabase());
  const database = cleanup.use(await openSqliteDatabase(file.path));
  return {
    admin: cleanup.use(openSqliteAdminStore(database)),
    grants: cleanup.use(openSqliteGrantStore(database)),
    ledger: cleanup.use(openSqliteLedger(database)),
  };
};

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
