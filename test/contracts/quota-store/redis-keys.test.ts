// What the store leaves on its server: keys of one slot, touched by those scripts alone that
// declare them, and nothing that outlives its use.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { userAccount } from '#shared/domain/account.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { ROOT } from '../../architecture/source-tree.ts';
import { NOON_MS } from '../../support/clock.ts';
import { skipUnless } from '../../support/needed.ts';
import { admitRequest, CENT, settleRequest, userCap } from '../../support/quota.ts';
import { type RedisQuota, startRedisCluster } from '../../support/redis-quota.ts';
import { findRedis } from '../../support/servers/redis.ts';

const found = findRedis();
const LUA = join(ROOT, 'shared/adapters/quota-store/redis-lua');
const DAY = 86_400_000;

/** Something in every key that there is. */
async function fill(store: QuotaStore): Promise<void> {
  const session = { sub: 'dana', sessionId: 's1', issuedAtMs: NOON_MS };
  await store.revoke({ type: 'session', sessionId: 's2', untilMs: NOON_MS + DAY });
  await store.revoke({
    type: 'subject',
    sub: 'casey',
    issuedBeforeMs: NOON_MS,
    untilMs: NOON_MS + DAY,
  });
  await store.admit(admitRequest({ sub: 'dana', nowMs: NOON_MS, id: 'in flight' }));
  const settled = settleRequest(admitRequest({ sub: 'dana', nowMs: NOON_MS, id: 'settled' }), CENT);
  await store.settle({ ...settled, orphan: true });
  await store.publishCaps({ version: 1, caps: [userCap('dana', CENT, 'daily')], budgets: [] });
  assert.equal(await store.isRevoked(session), false);
}

describe('QuotaStore Redis: keys', { skip: skipUnless(found) }, () => {
  let redis: RedisQuota;
  const start = async () => {
    redis ??= await startRedisCluster(found.available ? found.program : '');
    return redis;
  };
  after(() => redis?.[Symbol.asyncDispose]());

  it('share one slot of a cluster, whatever the names of accounts', async () => {
    const { open, raw } = await start();
    await using store = await open({ prefix: 'tallygate' });
    await fill(store);
    await store.settle({
      ...settleRequest(admitRequest({ sub: '{other}', nowMs: NOON_MS }), CENT),
      accounts: [userAccount('{other}'), 'pool:a b'],
    });
    const keys = await raw.keys('*');
    const slots = await Promise.all(keys.map((key) => raw.cluster('KEYSLOT', key)));
    assert.equal(new Set(slots).size, 1);
    assert.deepEqual(keys.sort(), [
      '{tallygate}:accounts',
      '{tallygate}:caps',
      '{tallygate}:orphans',
      '{tallygate}:outbox',
      '{tallygate}:outbox-time',
      '{tallygate}:reservation-expiry',
      '{tallygate}:reservations',
      '{tallygate}:revoked',
      '{tallygate}:revoked-until',
      '{tallygate}:whole',
    ]);
    const page = readFileSync(join(ROOT, 'infra/store-keys.md'), 'utf8');
    for (const key of keys) {
      assert.ok(page.includes(`\`${key}\``), `infra/store-keys.md does not explain ${key}`);
    }
  });

  it('have a table of before there were budgets and caps on a model, and it is read', async () => {
    const { open, raw, prefixOf } = await start();
    await using store = await open();
    const { model: _, ...cap } = userCap('dana', CENT, 'daily');
    const table = JSON.stringify({ version: 3, caps: [cap] });
    await raw.hset(`{${prefixOf(store)}}:caps`, { version: '3', table });
    const caps = [{ ...cap, model: null }];
    assert.deepEqual(await store.caps(), { version: 3, caps, budgets: [] });
  });

  it('are given back when everything has been applied and is over', async () => {
    const { open, raw, prefixOf } = await start();
    await using store = await open();
    await fill(store);
    await store.release('in flight');
    await store.apply(['settled']);
    assert.deepEqual(await store.expired(NOON_MS + 2 * DAY, 10), []);
    const left = await raw.keys(`{${prefixOf(store)}}:*`);
    const names = left.map((key) => key.split(':')[1]).sort();
    assert.deepEqual(names, ['accounts', 'caps', 'whole']);
  });

  for (const file of globSync(join(LUA, '*.lua'))) {
    const name = basename(file);
    it(`${name} touches no key that it does not declare, and says what it does`, () => {
      const text = readFileSync(file, 'utf8');
      const declared = text.matchAll(/^local ([\w, ]+) = KEYS\[\d\].*$/gm);
      const keys = new Set([...declared].flatMap(([, names = '']) => names.split(', ')));
      // A function of revocations.lua is given its key.
      if (name === 'revocations.lua') keys.add('key');
      if (text.includes('reservations.lua'))
        for (const key of ['reservations', 'expiry']) keys.add(key);
      const touched = [...text.matchAll(/redis\.call\('\w+',\s*([^,)]+)/g)].map(([, key]) => key);
      assert.deepEqual(
        touched.filter((key) => !keys.has(key ?? '')),
        [],
      );
      const header = text.slice(0, text.indexOf('\nlocal'));
      const wanted = /^-- Put /.test(text)
        ? []
        : ['-- Mirrors ', '-- KEYS  1 ', '-- ARGV  1', '-- Returns'];
      for (const part of wanted) assert.ok(header.includes(part), `${name}: no "${part}" on top`);
    });
  }
});
