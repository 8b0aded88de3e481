// Quota stores on a Redis of the test's own, each with a prefix of its own: they never meet.

import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import {
  openRedisQuotaStore,
  type RedisQuotaStoreOptions,
} from '#shared/adapters/quota-store/redis.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createTestClock } from './clock.ts';
import { eventually } from './inbox.ts';
import { createMemoryLog } from './log.ts';
import type { RedisServer } from './servers/redis.ts';
import { startRedis } from './servers/redis.ts';

export interface RedisQuota extends AsyncDisposable {
  readonly server: RedisServer;
  /** For what no store does: a plain client that waits for its server. */
  readonly raw: Redis;
  /** Whole from the start, unless `fresh: false` opens what is there. */
  open(
    options?: Partial<RedisQuotaStoreOptions> & { readonly fresh?: boolean },
  ): Promise<QuotaStore>;
  prefixOf(store: QuotaStore): string;
}

/** One node that serves every slot: it refuses a script whose keys lie in two. */
export async function startRedisCluster(program: string): Promise<RedisQuota> {
  const redis = await startRedisQuota(program, ['--cluster-enabled', 'yes']);
  await redis.raw.cluster('ADDSLOTSRANGE', 0, 16_383);
  const state = async () => String(await redis.raw.cluster('INFO'));
  await eventually(async () => ((await state()).includes('cluster_state:ok') ? true : null));
  return redis;
}

export async function startRedisQuota(
  program: string,
  settings: readonly string[] = [],
): Promise<RedisQuota> {
  const server = await startRedis(program, settings);
  const raw = new Redis(server.url, { maxRetriesPerRequest: null });
  raw.on('error', () => {});
  const prefixes = new WeakMap<QuotaStore, string>();
  return {
    server,
    raw,
    async open({ fresh = true, ...options } = {}) {
      const prefix = options.prefix ?? randomUUID();
      if (fresh) await raw.set(`{${prefix}}:whole`, '1');
      const store = await openRedisQuotaStore({
        url: server.url,
        timeoutMs: 10_000,
        clock: createTestClock(),
        log: createMemoryLog(),
        ...options,
        prefix,
      });
      prefixes.set(store, prefix);
      return store;
    },
    prefixOf: (store) => prefixes.get(store) ?? '',
    async [Symbol.asyncDispose]() {
      raw.disconnect();
      await server[Symbol.asyncDispose]();
    },
  };
}
