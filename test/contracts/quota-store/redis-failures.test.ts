// What callers see while Redis is away, hangs or is full: an answer in time, always the same error,
// and a store that is there again without being opened anew.

import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { userAccount } from '#shared/domain/account.ts';
import { MICRO_USD_MAX } from '#shared/domain/money.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createTestClock, NOON_MS } from '../../support/clock.ts';
import { eventually } from '../../support/inbox.ts';
import { createMemoryLog } from '../../support/log.ts';
import { skipUnless } from '../../support/needed.ts';
import { admitRequest, CENT, cents, monthlyLimit, settleRequest } from '../../support/quota.ts';
import { type RedisQuota, startRedisQuota } from '../../support/redis-quota.ts';
import { findRedis } from '../../support/servers/redis.ts';

const found = findRedis();
const dana = userAccount('dana');
const ask = (id?: string) =>
  admitRequest({ sub: 'dana', nowMs: NOON_MS, ...(id === undefined ? {} : { id }) });
const settlement = (id: string) => settleRequest(ask(id), CENT);
/** Ample for a server that answers, whatever else the machine does; short enough to wait for. */
const TIMEOUT_MS = 150;
/** What a machine under load may add to a time-out. */
const SLACK_MS = 900;

function everyCall(store: QuotaStore): Record<string, () => Promise<unknown>> {
  const { session } = ask();
  return {
    admit: () => store.admit(ask()),
    settle: () => store.settle(settlement('e')),
    release: () => store.release('e'),
    extend: () => store.extend({ id: 'e', reserveUntilMs: 1, amountMicroUsd: CENT, draft: '' }),
    apply: () => store.apply(['e'], ['f']),
    outbox: () => store.outbox(NOON_MS, 10),
    expired: () => store.expired(NOON_MS, 10),
    isRevoked: () => store.isRevoked(session),
    revoke: () => store.revoke({ type: 'session', sessionId: 's', untilMs: NOON_MS }),
    caps: () => store.caps(),
    publishCaps: () => store.publishCaps({ version: 1, caps: [], budgets: [] }),
    isWhole: () => store.isWhole(),
    markWhole: () => store.markWhole(),
    spend: () => store.spend([dana], NOON_MS),
    correct: () =>
      store.correct(
        [{ account: dana, period: 'daily', bucket: '', ledgeredMicroUsd: CENT, sequence: 0 }],
        NOON_MS,
      ),
  };
}

/** The detail that the operator reads, and how long the caller waited. */
async function refusal(call: () => Promise<unknown>): Promise<{ detail: string; tookMs: number }> {
  const startMs = performance.now();
  const error = await call().then(
    () => assert.fail('it was answered'),
    (caught: unknown) => caught,
  );
  assert(error instanceof AppError && error.code === 'unavailable', String(error));
  // The client's own errors carry what was sent.
  assert.ok(!(error.cause instanceof Error && 'command' in error.cause), 'the cause has a command');
  return { detail: error.detail ?? '', tookMs: performance.now() - startMs };
}

const isAnswered = (store: QuotaStore) => eventually(() => store.isWhole().catch(() => null));

describe('QuotaStore Redis: failures', { skip: skipUnless(found) }, () => {
  let redis: RedisQuota | undefined;
  const start = async () => {
    redis ??= await startRedisQuota(found.available ? found.program : '');
    return redis;
  };
  afterEach(() => redis?.server.signal('SIGCONT'));
  after(() => redis?.[Symbol.asyncDispose]());

  it('fails every call at once while Redis is dead, and works when it is back', async () => {
    const { open, server } = await start();
    const log = createMemoryLog();
    await using store = await open({ log, timeoutMs: 30_000 });
    await store.isWhole();
    await server.kill();
    const startMs = performance.now();
    for (const [name, call] of Object.entries(everyCall(store))) {
      const { detail } = await refusal(call);
      assert.match(detail, /^no connection to Redis at 127\.0\.0\.1:/, name);
    }
    // All of them together: none waits for the next attempt to connect.
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < SLACK_MS, `they took ${tookMs} ms`);
    await server.start();
    assert.equal(await isAnswered(store), false);
    const { detail } = await refusal(() => store.admit(ask()));
    assert.match(detail, /lost its memory/);
    await store.markWhole();
    assert.equal((await store.admit(ask())).outcome, 'admitted');
    const told = log.lines.map(({ level, message }) => `${level} ${message}`);
    assert.deepEqual(told, [
      'warn Redis is lost: the quota store cannot answer',
      'info Redis is back',
    ]);
  });

  it('fails a call that is under way when Redis dies, and does not send it again', async () => {
    const { open, server } = await start();
    await using store = await open({ timeoutMs: 30_000 });
    await store.isWhole();
    server.signal('SIGSTOP');
    const waiting = refusal(() => store.settle(settlement('under way')));
    await server.kill();
    const { detail, tookMs } = await waiting;
    assert.match(detail, /^no connection to Redis/);
    assert.ok(tookMs < SLACK_MS, `it took ${tookMs} ms`);
    await server.start();
    await isAnswered(store);
    assert.deepEqual(await store.outbox(NOON_MS, 10), []);
  });

  it('opens and closes without Redis, and finds it later', async () => {
    const { open, server } = await start();
    await server.kill();
    const log = createMemoryLog();
    await using store = await open({ log, fresh: false });
    await refusal(() => store.caps());
    await (await open({ fresh: false }))[Symbol.asyncDispose]();
    await server.start();
    assert.equal(await isAnswered(store), false);
    assert.equal(log.lines.length, 2);
  });

  it('waits for a frozen Redis no longer than its time-out, and soon not at all', async () => {
    const { open, prefixOf, raw, server } = await start();
    const clock = createTestClock();
    const log = createMemoryLog();
    await using store = await open({ log, clock, timeoutMs: TIMEOUT_MS });
    await isAnswered(store);
    await store.settle(settlement('before'));
    const sent = async () => {
      const stats = String(await raw.info('commandstats'));
      const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
      return calls.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const sentBefore = await sent();
    server.signal('SIGSTOP');
    for (const place of [1, 2, 3, 4, 5]) {
      const { detail, tookMs } = await refusal(() => store.settle(settlement(`late ${place}`)));
      assert.match(detail, /no answer within 150 ms/);
      assert.ok(tookMs < TIMEOUT_MS + SLACK_MS, `call ${place} took ${tookMs} ms`);
    }
    for (const place of Array(20).keys()) {
      const { detail } = await refusal(() => store.settle(settlement(`skipped ${place}`)));
      assert.match(detail, /is not asked: no answer within 150 ms$/);
    }
    // One call looks whether it is back; those beside it do not wait with it.
    clock.advance(1000);
    const probe = refusal(() => store.release('probe'));
    assert.match((await refusal(() => store.release('beside'))).detail, /is not asked/);
    assert.match((await probe).detail, /no answer within 150 ms/);

    server.signal('SIGCONT');
    await eventually(async () => ((await sent()) - sentBefore >= 6 ? true : null));
    assert.equal((await sent()) - sentBefore, 6);
    assert.match((await refusal(() => store.release('pause'))).detail, /is not asked/);
    const answer = await eventually(() => {
      clock.advance(1000);
      return store.settle(settlement('late 1')).catch(() => null);
    });
    // The calls that were given up have been carried out meanwhile, each once.
    assert.equal(answer, 'duplicate');
    await using patient = await open({ prefix: prefixOf(store), fresh: false });
    assert.equal((await patient.outbox(NOON_MS, 100)).length, 6);
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ['Redis is lost: the quota store cannot answer', 'Redis is back'],
    );
  });

  it('takes an answer that arrived while the event loop was stalled', async () => {
    const { open } = await start();
    await using store = await open({ timeoutMs: TIMEOUT_MS });
    await isAnswered(store);
    await store.admit(ask());
    const answer = store.admit(ask());
    const startMs = performance.now();
    while (performance.now() - startMs < 3 * TIMEOUT_MS);
    assert.equal((await answer).outcome, 'admitted');
  });

  it('says nothing of a connection that it closes itself', async () => {
    const { open } = await start();
    const log = createMemoryLog();
    const store = await open({ log });
    await store.isWhole();
    await store[Symbol.asyncDispose]();
    assert.deepEqual(log.lines, []);
  });

  it('closes without waiting for a frozen Redis beyond the time-out', async () => {
    const { open, server } = await start();
    const store = await open({ timeoutMs: TIMEOUT_MS });
    await isAnswered(store);
    server.signal('SIGSTOP');
    const waiting = refusal(() => store.release('e'));
    const startMs = performance.now();
    await store[Symbol.asyncDispose]();
    assert.ok(performance.now() - startMs < 300 + SLACK_MS);
    await waiting;
  });

  it('sends a script again that Redis has forgotten', async () => {
    const { open, raw } = await start();
    await using store = await open();
    assert.equal(await store.settle(settlement('one')), 'settled');
    await raw.script('FLUSH');
    const both = [store.settle(settlement('two')), store.settle(settlement('three'))];
    assert.deepEqual(await Promise.all(both), ['settled', 'settled']);
    assert.equal((await store.outbox(NOON_MS, 10)).length, 3);
  });

  it('leaves nothing half done in a full Redis, and can make room', async () => {
    const { open, raw, prefixOf } = await start();
    await using store = await open();
    await store.admit(ask('held'));
    await store.admit(ask('dropped'));
    await store.settle(settlement('settled'));
    const dump = async () => {
      const keys = (await raw.keys(`{${prefixOf(store)}}:*`)).sort();
      return Promise.all(keys.map(async (key) => [key, await raw.dumpBuffer(key)]));
    };
    const before = await dump();
    await raw.config('SET', 'maxmemory', '1');
    try {
      const held = settlement('held');
      const longer = { id: 'held', reserveUntilMs: 1, amountMicroUsd: cents(9), draft: '' };
      const growing = [
        () => store.admit(ask()),
        () => store.settle(settlement('unknown')),
        () => store.settle(held),
        () => store.settle({ ...held, orphan: true }),
        () => store.extend(longer),
      ];
      for (const call of growing) assert.match((await refusal(call)).detail, /OOM/);
      assert.deepEqual(await dump(), before);
      await store.release('dropped');
      await store.apply(['settled']);
      const [daily] = await store.spend([dana], NOON_MS);
      assert.deepEqual(
        [daily?.reservedMicroUsd, daily?.pendingMicroUsd, daily?.ledgeredMicroUsd],
        [CENT, 0, CENT],
      );
    } finally {
      await raw.config('SET', 'maxmemory', '0');
    }
    assert.equal(await store.settle(settlement('held')), 'settled');
  });

  it('refuses an amount that it could not keep exactly, and changes nothing', async () => {
    const { open } = await start();
    await using store = await open();
    await store.settle(settleRequest(ask('all there is'), MICRO_USD_MAX));
    const before = await store.spend([dana], NOON_MS);
    assert.equal(before[0]?.pendingMicroUsd, MICRO_USD_MAX);
    const { detail } = await refusal(() => store.settle(settlement('a cent more')));
    assert.match(detail, /an amount of user:dana is beyond 2\^53/);
    assert.deepEqual(await store.spend([dana], NOON_MS), before);
    assert.equal((await store.outbox(NOON_MS, 10)).length, 1);
  });

  it('lets 200 requests of two data planes past a cap by no more than one reservation', async () => {
    const { open, prefixOf } = await start();
    await using one = await open();
    await using other = await open({ prefix: prefixOf(one), fresh: false });
    const limits = [monthlyLimit('dana', cents(100))];
    const requests = Array.from({ length: 200 }, () => ({
      ...ask(),
      limits,
      reserveMicroUsd: cents(3),
    }));
    const outcomes = await Promise.all(
      requests.map((request, place) => (place % 2 === 0 ? one : other).admit(request)),
    );
    const admitted = requests.filter((_, place) => outcomes[place]?.outcome === 'admitted');
    // 33 reservations are 99 cents, and one more passes the cap.
    assert.equal(admitted.length, 34);
    for (const request of admitted) await one.settle(settleRequest(request, cents(3)));
    const [daily] = await other.spend([dana], NOON_MS);
    assert.deepEqual([daily?.pendingMicroUsd, daily?.reservedMicroUsd], [cents(102), 0]);
    assert.equal((await other.admit({ ...ask(), limits })).outcome, 'blocked');
  });
});
