// An admin store and a ledger over one database, for the gateways of tests.

import { DatabaseSync } from 'node:sqlite';
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
  /** Every row of every table, as text; where the database is a file. */
  dump?(): string;
}

/** Opens an empty database; everything of it is closed and removed by the stack. */
export type OpenAdminDatabase = (cleanup: AsyncDisposableStack) => Promise<AdminDatabase>;

export const onSqlite: OpenAdminDatabase = async (cleanup) => {
  const file = cleanup.use(temporaryDatabase());
  const database = cleanup.use(await openSqliteDatabase(file.path));
  return {
    dump: () => dump(file.path),
    admin: cleanup.use(openSqliteAdminStore(database)),
    grants: cleanup.use(openSqliteGrantStore(database)),
    ledger: cleanup.use(openSqliteLedger(database)),
  };
};

function dump(path: string): string {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    const rows = tables.map(({ name }) => db.prepare(`SELECT * FROM "${name}"`).all());
    return JSON.stringify(rows);
  } finally {
    db.close();
  }
}
