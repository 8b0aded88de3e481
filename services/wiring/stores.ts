// Configuration → adapters: the only file that names a technology. Each is loaded when it is named,
// so that a data plane never loads a ledger and a newcomer no client of anybody's cloud.

import { join } from 'node:path';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { UsageSpool } from '#shared/ports/usage-spool.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { hasControlPlane, hasDataPlane, type Plane } from './plane.ts';

/** With pauses of up to ten minutes: more than a day of trouble before a message is given up. */
const BUS_ATTEMPTS_MAX = 200;

export interface DataStores {
  /** Answers within `quota.redis.timeout_ms`, or not at all. */
  readonly quota: QuotaStore;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly spool: UsageSpool;
}

export interface ControlStores {
  /** Patient: what it is asked is off the request path. */
  readonly quota: QuotaStore;
  readonly bus: UsageBus;
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly grants: GrantStore;
  readonly jobs: JobRunner;
}

export interface Stores extends AsyncDisposable {
  readonly data: DataStores | null;
  readonly control: ControlStores | null;
}

export interface StoresOptions {
  readonly config: GatewayConfig;
  readonly plane: Plane;
  readonly clock: Clock;
  readonly log: Log;
}

interface Opening extends StoresOptions {
  readonly opened: AsyncDisposableStack;
  /** The embedded database, opened when the first part asks for it. */
  readonly database: () => Promise<SqlDatabase>;
}

/** @throws AppError `unavailable` naming what cannot be opened. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const opened = new AsyncDisposableStack();
  try {
    const { config } = options;
    // Counters and revocations of the embedded quota store live in the memory of one process.
    if (config.quota.redis === undefined) opened.use(await lockDataDir(config.data_dir));
    const opening = { ...options, opened, database: embeddedDatabase(config, opened) };
    return { ...(await openAll(opening)), [Symbol.asyncDispose]: () => opened.disposeAsync() };
  } catch (caught) {
    await opened.disposeAsync();
    throw caught;
  }
}

async function openAll(opening: Opening): Promise<Omit<Stores, typeof Symbol.asyncDispose>> {
  const { plane } = opening;
  const ledger = hasControlPlane(plane) ? await openLedger(opening) : null;
  const quotas = await openQuotas(opening);
  const bus = await openBus(opening);
  return {
    data: hasDataPlane(plane) ? { quota: quotas.hot, bus, spool: await openSpool(opening) } : null,
    control:
      ledger === null
        ? null
        : { ...ledger, quota: quotas.patient, bus, jobs: await openJobs(opening) },
  };
}

function embeddedDatabase(config: GatewayConfig, opened: AsyncDisposableStack) {
  let opening: Promise<SqlDatabase> | null = null;
  const open = async () => {
    const { openSqliteDatabase } = await import('#shared/adapters/sql/sqlite-database.ts');
    const path = config.ledger.sqlite?.path ?? join(config.data_dir, 'tallygate.db');
    return opened.use(await openSqliteDatabase(path));
  };
  return () => {
    opening ??= open();
    return opening;
  };
}

async function openLedger({ opened, database }: Opening) {
  const [{ openSqliteLedger }, { openSqliteAdminStore }, { openSqliteGrantStore }] =
    await Promise.all([
      import('#shared/adapters/ledger/sqlite.ts'),
      import('#shared/adapters/admin-store/sqlite.ts'),
      import('#shared/adapters/grant-store/sqlite.ts'),
    ]);
  const db = await database();
  return {
    ledger: opened.use(openSqliteLedger(db)),
    admin: opened.use(openSqliteAdminStore(db)),
    grants: opened.use(openSqliteGrantStore(db)),
  };
}

async function openQuotas({ config, clock, opened }: Opening) {
  const [{ openMemoryQuotaStore }, { openSqliteQuotaJournal }] = await Promise.all([
    import('#shared/adapters/quota-store/memory.ts'),
    import('#shared/adapters/quota-store/sqlite-journal.ts'),
  ]);
  const journal = openSqliteQuotaJournal(join(config.data_dir, 'quota-journal.db'));
  const store = opened.use(openMemoryQuotaStore({ clock, journal }));
  return { hot: store, patient: store };
}

async function openBus({ clock, log, opened, database }: Opening): Promise<UsageBus> {
  const { openEmbeddedBus } = await import('#shared/adapters/usage-bus/embedded.ts');
  const embedded = { database: await database(), clock, log, attemptsMax: BUS_ATTEMPTS_MAX };
  return opened.use(await openEmbeddedBus(embedded));
}

async function openSpool({ config, log, opened }: Opening): Promise<UsageSpool> {
  const { openFileSpool } = await import('#shared/adapters/usage-spool/file.ts');
  return opened.use(openFileSpool({ directory: join(config.data_dir, 'spool'), log }));
}

async function openJobs({ clock, log, opened }: Opening): Promise<JobRunner> {
  const { openInProcessJobs } = await import('#shared/adapters/job-runner/in-process.ts');
  return opened.use(openInProcessJobs({ clock, log }));
}
