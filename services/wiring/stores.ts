// Configuration → adapters: the only file that names a technology.

import { join } from 'node:path';
import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openSqliteGrantStore } from '#shared/adapters/grant-store/sqlite.ts';
import { openInProcessJobs } from '#shared/adapters/job-runner/in-process.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { openSqliteQuotaJournal } from '#shared/adapters/quota-store/sqlite-journal.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';

/** With pauses of up to ten minutes: more than a day of trouble before a message is given up. */
const BUS_ATTEMPTS_MAX = 200;

export interface Stores extends AsyncDisposable {
  readonly quota: QuotaStore;
  readonly bus: UsageBus;
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly grants: GrantStore;
  readonly jobs: JobRunner;
}

/** @throws AppError `unavailable` naming the file that cannot be opened. */
export async function openStores(config: GatewayConfig, clock: Clock, log: Log): Promise<Stores> {
  const opened = new AsyncDisposableStack();
  try {
    const path = config.ledger.sqlite.path ?? join(config.data_dir, 'tallygate.db');
    const database = opened.use(await openSqliteDatabase(path));
    const journal = openSqliteQuotaJournal(join(config.data_dir, 'quota-journal.db'));
    const stores = {
      ledger: opened.use(openSqliteLedger(database)),
      admin: opened.use(openSqliteAdminStore(database)),
      grants: opened.use(openSqliteGrantStore(database)),
      quota: opened.use(openMemoryQuotaStore({ clock, journal })),
      bus: opened.use(
        await openEmbeddedBus({ database, clock, log, attemptsMax: BUS_ATTEMPTS_MAX }),
      ),
      jobs: opened.use(openInProcessJobs({ clock, log })),
    };
    return { ...stores, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  } catch (caught) {
    await opened.disposeAsync();
    throw caught;
  }
}
