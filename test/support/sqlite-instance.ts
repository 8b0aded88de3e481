// Instances over a SQLite file in a temporary directory.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openSqliteGrantStore } from '#shared/adapters/grant-store/sqlite.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import { createTestClock } from './clock.ts';
import { type Instance, instanceOf } from './instance.ts';

export interface TemporaryFile extends Disposable {
  readonly path: string;
}

/** A path for a database in a directory that does not exist yet. */
export function temporaryDatabase(): TemporaryFile {
  const directory = mkdtempSync(join(tmpdir(), 'tallygate-'));
  return {
    path: join(directory, 'data', 'tallygate.db'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Each handle is an adapter on a database handle of its own, closed in reverse. */
export async function openSqliteInstance<Port extends AsyncDisposable>(
  openPort: (database: SqlDatabase) => Port | Promise<Port>,
  childExport: string,
): Promise<Instance<Port>> {
  const file = temporaryDatabase();
  const instance = await instanceOf(
    { module: import.meta.url, export: childExport, argument: file.path },
    async (opened) => openPort(opened.use(await openSqliteDatabase(file.path))),
  );
  return {
    ...instance,
    async [Symbol.asyncDispose]() {
      await instance[Symbol.asyncDispose]();
      file[Symbol.dispose]();
    },
  };
}

export async function openLedgerAt(path: string): Promise<Ledger> {
  return openSqliteLedger(await openSqliteDatabase(path));
}

export async function openAdminStoreAt(path: string): Promise<AdminStore> {
  return openSqliteAdminStore(await openSqliteDatabase(path));
}

export async function openGrantStoreAt(path: string): Promise<GrantStore> {
  return openSqliteGrantStore(await openSqliteDatabase(path));
}

export async function openBusAt(path: string): Promise<UsageBus> {
  return openEmbeddedBus({ path, clock: createTestClock() });
}
