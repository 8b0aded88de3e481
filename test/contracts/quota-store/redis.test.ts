import { after, test } from 'node:test';
import { skipUnless } from '../../support/needed.ts';
import { type RedisQuota, startRedisCluster, startRedisQuota } from '../../support/redis-quota.ts';
import { findRedis } from '../../support/servers/redis.ts';
import { NOW, quotaStoreSuite } from './suite.ts';

const found = findRedis();
const skip = skipUnless(found);

if (skip !== false || !found.available) test('QuotaStore Redis', { skip }, () => {});
else {
  const plain = await startRedisQuota(found.program);
  const cluster = await startRedisCluster(found.program);
  after(() => Promise.all([plain[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]));
  prove('Redis', plain);
  prove('Redis Cluster', cluster);
}

function prove(name: string, redis: RedisQuota): void {
  const clock = { now: () => NOW };
  quotaStoreSuite({
    name,
    open: () => redis.open({ clock }),
    reopen: (closed) => redis.open({ clock, prefix: redis.prefixOf(closed), fresh: false }),
    openFresh: () => redis.open({ clock, fresh: false }),
  });
}
