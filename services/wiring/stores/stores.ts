// Configuration → adapters. This folder alone names technologies; each is loaded when it is named, so
// that a data plane never loads a ledger, and a newcomer no client of anybody's cloud.

import { join } from 'node:path';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { UsageSpool } from '#shared/ports/usage-spool.ts';
import { lockDataDir } from '../data-dir-lock.ts';
import { hasControlPlane } from '../plane.ts';
import { type Books, openLedger } from './open-ledger.ts';
import { openQuota, redisAddress } from './open-quota.ts';
import type { Opening, StoresOptions } from './opening.ts';

export interface DataStores {
  readonly quota: QuotaStore;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly spool: UsageSpool;
}

export interface ControlStores extends Books {
  readonly quota: QuotaStore;
  readonly bus: UsageBus;
  readonly jobs: JobRunner;
}

export interface Stores extends AsyncDisposable {
  /** Null: this process has no data plane. */
  readonly data: DataStores | null;
  /** Null: this process has no control plane. */
  readonly control: ControlStores | null;
}

/** With pauses of up to ten minutes: many hours of trouble before a message is given up. */
const BUS_ATTEMPTS_MAX = { embedded: 200, pubsub: 95 };

/** @throws AppError `unavailable` naming what cannot be opened. */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const opened = new AsyncDisposableStack();
  try {
    const { config } = options;
    // Counters and revocations of the embedded quota store live in the memory of one process.
    if (config.quota.redis === undefined) opened.use(await lockDataDir(config.data_dir));
    const opening = { ...options, opened, embedded: embeddedDatabase(config, opened) };
    return { ...(await openAll(opening)), [Symbol.asyncDispose]: () => opened.disposeAsync() };
  } catch (caught) {
    await opened.disposeAsync();
    throw caught;
  }
}

async function openAll(opening: Opening): Promise<Pick<Stores, 'data' | 'control'>> {
  const books = hasControlPlane(opening.plane) ? await openLedger(opening) : null;
  const { hot, patient } = await openQuota(opening);
  const bus = await openBus(opening);
  return {
    data: hot === null ? null : { quota: hot, bus, spool: await openSpool(opening) },
    control:
      books === null || patient === null
        ? null
        : { ...books, quota: patient, bus, jobs: await openJobs(opening) },
  };
}

export function embeddedDatabase(config: GatewayConfig, opened: AsyncDisposableStack) {
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

async function openBus({ config, clock, log, opened, embedded }: Opening): Promise<UsageBus> {
  const { pubsub } = config.bus;
  if (pubsub === undefined) {
    const { openEmbeddedBus } = await import('#shared/adapters/usage-bus/embedded.ts');
    const attemptsMax = BUS_ATTEMPTS_MAX.embedded;
    return opened.use(
      await openEmbeddedBus({ database: await embedded(), clock, log, attemptsMax }),
    );
  }
  const { openPubSubBus } = await import('#shared/adapters/usage-bus/pubsub.ts');
  const { project_id: projectId, prefix, create } = pubsub;
  const attemptsMax = BUS_ATTEMPTS_MAX.pubsub;
  const tuning = { ackDeadlineSeconds: pubsub.ack_deadline_seconds };
  const options = { projectId, prefix, create, attemptsMax, tuning };
  return opened.use(await openPubSubBus({ ...options, clock, log }));
}

async function openSpool({ config, log, opened }: Opening): Promise<UsageSpool> {
  const { openFileSpool } = await import('#shared/adapters/usage-spool/file.ts');
  return opened.use(openFileSpool({ directory: join(config.data_dir, 'spool'), log }));
}

async function openJobs(opening: Opening): Promise<JobRunner> {
  const { config, clock, log, opened } = opening;
  if (config.jobs.bullmq === undefined) {
    const { openInProcessJobs } = await import('#shared/adapters/job-runner/in-process.ts');
    return opened.use(openInProcessJobs({ clock, log }));
  }
  const { openBullMqJobs } = await import('#shared/adapters/job-runner/bullmq.ts');
  return opened.use(await openBullMqJobs({ ...redisAddress(opening), clock, log }));
}
