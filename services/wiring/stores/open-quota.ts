import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { hasControlPlane, hasDataPlane } from '../plane.ts';
import type { Opening } from './opening.ts';

export interface QuotaStores {
  /** Answers a request within `quota.redis.timeout_ms`, or not at all. */
  readonly hot: QuotaStore | null;
  /** For what is off the request path. */
  readonly patient: QuotaStore | null;
}

const PATIENCE_MS = 5_000;

export async function openQuota(opening: Opening): Promise<QuotaStores> {
  const { redis } = opening.config.quota;
  if (redis === undefined) {
    const store = await openInProcess(opening);
    return { hot: store, patient: store };
  }
  const { plane } = opening;
  return {
    hot: hasDataPlane(plane) ? await openRedis(opening, redis.timeout_ms) : null,
    patient: hasControlPlane(plane) ? await openRedis(opening, PATIENCE_MS) : null,
  };
}

async function openInProcess({ config, clock, log, opened }: Opening): Promise<QuotaStore> {
  const [{ openMemoryQuotaStore }, { openFileQuotaJournal }] = await Promise.all([
    import('#shared/adapters/quota-store/memory.ts'),
    import('#shared/adapters/quota-store/file-journal.ts'),
  ]);
  const path = join(config.data_dir, 'quota-journal.jsonl');
  await takeOverEarlierJournal(join(config.data_dir, 'quota-journal.db'), path, log);
  const journal = await openFileQuotaJournal({ path, log });
  return opened.use(openMemoryQuotaStore({ clock, journal }));
}

async function takeOverEarlierJournal(from: string, into: string, log: Log): Promise<void> {
  if (!existsSync(from)) return;
  const { takeOverSqliteJournal } = await import(
    '#shared/adapters/quota-store/journal-takeover.ts'
  );
  await takeOverSqliteJournal(from, into);
  log.info('the quota journal of an earlier version was taken over', { from, into });
}

async function openRedis(opening: Opening, timeoutMs: number): Promise<QuotaStore> {
  const { clock, log, opened } = opening;
  const { openRedisQuotaStore } = await import('#shared/adapters/quota-store/redis.ts');
  const address = redisAddress(opening);
  return opened.use(await openRedisQuotaStore({ ...address, timeoutMs, clock, log }));
}

/** Where `quota.redis` is: the jobs run there too. */
export function redisAddress({ config }: Pick<Opening, 'config'>) {
  const { redis } = config.quota;
  if (redis === undefined) throw new RangeError('quota.redis is not configured');
  const { url, username, password, tls, prefix } = redis;
  return {
    url: url.reveal(),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tls ? { tls } : {}),
    prefix,
  };
}
