// An admin store and a ledger over one database, for the gateways of tests.

import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openSqliteGrantStore } from '#shared/adapters/grant-store/sqlite.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
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
