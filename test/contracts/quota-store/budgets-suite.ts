// The contract of QuotaStore on what several people share: a pool that takes a request, the
// organization's budget, caps on a model. The cases named after groups are exchanges captured from the
// reference (05d, 05e): amounts in cents, ten of them a request.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AccountId, modelAccount, ORGANIZATION, userAccount } from '#shared/domain/account.ts';
import type { Period } from '#shared/domain/period.ts';
import type { AdmitRequest, Limit } from '#shared/domain/quota.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import {
  type AdmitSketch,
  admitRequest,
  cents,
  limitOf,
  monthlyLimit,
  poolOf,
  settleRequest,
} from '../../support/quota.ts';

// As in suite.ts: a Tuesday.
const NOW = Date.UTC(2026, 10, 24, 12);
const DAY = 86_400_000;
const REQUEST = cents(10);
const EVERY_FORM: readonly AccountId[] = [
  'user:dana',
  ORGANIZATION,
  'pool:größe mit leerzeichen',
  'pool:100%\nsure: a',
  'model:opus:user:x',
  'model:claude-opus-5-5:user:a b%20c',
];

/** What a request that is admitted and costs its reservation comes to. */
async function spend(store: QuotaStore, request: AdmitRequest): Promise<string> {
  const admission = await store.admit(request);
  if (admission.outcome === 'blocked') {
    return `blocked by ${admission.breached.map(({ limit }) => limit.account).join(' and ')}`;
  }
  if (admission.outcome !== 'admitted') return admission.outcome;
  const { pool } = admission;
  const accounts = pool === null ? request.accounts : [...request.accounts, pool];
  await store.settle({ ...settleRequest(request, request.reserveMicroUsd), accounts });
  return pool ?? 'admitted';
}

async function spentOf(store: QuotaStore, account: AccountId, nowMs = NOW): Promise<number> {
  const rows = await store.spend([account], nowMs);
  const monthly = rows.find(({ period }) => period === 'monthly');
  return ((monthly?.ledgeredMicroUsd ?? 0) + (monthly?.pendingMicroUsd ?? 0)) / cents(1);
}

export function quotaBudgetsSuite(name: string, open: () => Promise<QuotaStore>): void {
  const ask = (over: Partial<AdmitSketch> = {}) =>
    admitRequest({ sub: 'dana', nowMs: NOW, reserve: REQUEST, ...over });
  const own = (sub: string, cap: number) => [monthlyLimit(sub, cents(cap))];

  describe(`QuotaStore ${name}: which pool takes a request`, () => {
    const captured: readonly {
      readonly of: string;
      readonly pools: Readonly<Record<string, number>>;
      readonly requests: number;
      readonly spent: Readonly<Record<string, number>>;
      readonly blockedBy?: string;
    }[] = [
      { of: 'a 1000, b 15', pools: { a: 1000, b: 15 }, requests: 4, spent: { a: 40, b: 0 } },
      { of: 'a 15, b 1000', pools: { a: 15, b: 1000 }, requests: 5, spent: { a: 0, b: 50 } },
      {
        of: 'equal pools',
        pools: { a: 20, b: 20 },
        requests: 4,
        spent: { a: 20, b: 20 },
        blockedBy: 'pool:a',
      },
      { of: 'a 500, b 400', pools: { a: 500, b: 400 }, requests: 3, spent: { a: 30, b: 0 } },
      { of: 'a 20, b 500', pools: { a: 20, b: 500 }, requests: 5, spent: { a: 0, b: 50 } },
      { of: 'a alone', pools: { a: 20 }, requests: 2, spent: { a: 20 }, blockedBy: 'pool:a' },
      { of: 'a of nothing', pools: { a: 0 }, requests: 0, spent: { a: 0 }, blockedBy: 'pool:a' },
    ];
    for (const { of, pools, requests, spent, blockedBy } of captured) {
      it(`${of}: ${requests} requests, then ${blockedBy ?? 'more'}`, async () => {
        await using store = await open();
        const request = () =>
          ask({
            limits: own('dana', 5000),
            pools: Object.entries(pools).map(([group, cap]) => poolOf(group, cents(cap))),
          });
        for (let nth = 0; nth < requests; nth += 1) {
          assert.match(await spend(store, request()), /^pool:/);
        }
        for (const [group, cents] of Object.entries(spent)) {
          assert.equal(await spentOf(store, `pool:${group}`), cents, group);
        }
        assert.equal(await spentOf(store, userAccount('dana')), 10 * requests);
        if (blockedBy === undefined) return;
        assert.equal(await spend(store, request()), `blocked by ${blockedBy}`);
      });
    }

    it('is the least overspent that blocks, and every period of it that is spent', async () => {
      await using store = await open();
      for (const group of ['a', 'b', 'b', 'c']) {
        await spend(store, ask({ pools: [poolOf(group, cents(50))] }));
      }
      const b = { ...poolOf('b', cents(19)) };
      const both = { ...b, limits: [...b.limits, limitOf(b.account, cents(18), 'daily')] };
      const pools = [poolOf('a', cents(7)), both, poolOf('c', cents(8))];
      const admission = await store.admit(ask({ limits: own('dana', 500), pools }));
      assert.ok(admission.outcome === 'blocked');
      const places = ({ limit }: { limit: Limit }) => `${limit.account} ${limit.period}`;
      assert.deepEqual(admission.breached.map(places), ['pool:b monthly', 'pool:b daily']);
      assert.deepEqual(admission.standings.map(places), [
        'user:dana monthly',
        'pool:b monthly',
        'pool:b daily',
      ]);
    });

    it('counts what is reserved, and says where the chosen one stands', async () => {
      await using store = await open();
      const pools = [poolOf('a', cents(100)), poolOf('b', cents(95))];
      const first = await store.admit(ask({ pools }));
      const second = await store.admit(ask({ pools }));
      assert.ok(first.outcome === 'admitted' && second.outcome === 'admitted');
      assert.deepEqual([first.pool, second.pool], ['pool:a', 'pool:b']);
      const third = await store.admit(ask({ limits: own('dana', 500), pools }));
      assert.deepEqual(third.outcome === 'admitted' && third.standings, [
        { limit: own('dana', 500)[0], spentMicroUsd: 0, reservedMicroUsd: cents(20) },
        { limit: pools[0]?.limits[0], spentMicroUsd: 0, reservedMicroUsd: cents(10) },
      ]);
    });

    it('has as much left as the tightest of its periods', async () => {
      await using store = await open();
      const tight = poolOf('a', cents(900));
      const a = { ...tight, limits: [...tight.limits, limitOf(tight.account, cents(10), 'daily')] };
      const pools = [a, poolOf('b', cents(15))];
      const at = (nowMs: number) => spend(store, ask({ nowMs, pools }));
      assert.deepEqual(
        [await at(NOW), await at(NOW), await at(NOW)],
        ['pool:b', 'pool:a', 'pool:b'],
      );
      // b is past its month, a past its day: a comes back in the morning.
      assert.equal(await at(NOW), 'blocked by pool:a');
      assert.equal(await at(NOW + DAY), 'pool:a');
    });

    it('is the same for the same id, whichever has most left by then', async () => {
      await using store = await open();
      const request = ask({ pools: [poolOf('a', cents(50)), poolOf('b', cents(45))] });
      const pool = async () => {
        const admission = await store.admit(request);
        assert.ok(admission.outcome === 'admitted');
        return admission.pool;
      };
      assert.deepEqual([await pool(), await pool()], ['pool:a', 'pool:a']);
      const [daily] = await store.spend(['pool:a'], NOW);
      assert.equal(daily?.reservedMicroUsd, REQUEST);
      const [held] = await store.expired(NOW + DAY, 10);
      assert.deepEqual(held?.accounts, ['user:dana', 'pool:a']);
      await store.settle({ ...settleRequest(request, REQUEST), accounts: ['user:dana', 'pool:a'] });
      assert.equal(await pool(), null);
    });
  });

  describe(`QuotaStore ${name}: a budget and its members`, () => {
    it('ends for all of them at once, new ones too, and for nobody else', async () => {
      await using store = await open();
      const of = (sub: string, cap: number) =>
        spend(store, ask({ sub, limits: own(sub, 1000), pools: [poolOf('team', cents(cap))] }));
      for (const sub of ['p1', 'p2', 'p1', 'p2', 'p3'])
        assert.equal(await of(sub, 50), 'pool:team');
      for (const sub of ['p1', 'p9']) assert.equal(await of(sub, 50), 'blocked by pool:team');
      assert.equal(await spend(store, ask({ sub: 'outsider' })), 'admitted');
      assert.equal(await of('p1', 60), 'pool:team');
      assert.equal(await spentOf(store, 'pool:team'), 60);
    });

    it("comes after a member's own caps", async () => {
      await using store = await open();
      const of = (cap: number, pool: number) =>
        spend(store, ask({ limits: own('dana', cap), pools: [poolOf('team', cents(pool))] }));
      for (let nth = 0; nth < 3; nth += 1) assert.equal(await of(25, 1000), 'pool:team');
      assert.equal(await of(25, 1000), 'blocked by user:dana');
      assert.equal(await of(100, 30), 'blocked by pool:team');
      assert.equal(await of(20, 30), 'blocked by user:dana');
    });

    it('counts from when there is one, and again when it is set anew', async () => {
      await using store = await open();
      const pools = [poolOf('late', cents(15))];
      const answers: string[] = [];
      for (const budget of [[], [], pools, pools, pools, [], pools]) {
        answers.push(await spend(store, ask({ pools: budget })));
      }
      const late = ['pool:late', 'pool:late', 'blocked by pool:late'];
      const blocked = 'blocked by pool:late';
      assert.deepEqual(answers, ['admitted', 'admitted', ...late, 'admitted', blocked]);
      assert.equal(await spentOf(store, 'pool:late'), 20);
    });

    it('is busy with what others have in flight, and free when that ends', async () => {
      await using store = await open();
      const pools = [poolOf('team', cents(10))];
      const first = ask({ sub: 'casey', pools });
      await store.admit(first);
      const busy = await store.admit(ask({ pools }));
      assert.deepEqual(busy.outcome === 'busy' && busy.standings, [
        { limit: pools[0]?.limits[0], spentMicroUsd: 0, reservedMicroUsd: REQUEST },
      ]);
      await store.release(first.id);
      assert.equal(await spend(store, ask({ pools })), 'pool:team');
    });

    it('may be everybody’s: a limit like any other', async () => {
      await using store = await open();
      const limits = (['daily', 'monthly'] satisfies Period[]).map((period) =>
        limitOf(ORGANIZATION, cents(20), period),
      );
      const of = (sub: string) => {
        const accounts = [userAccount(sub), ORGANIZATION] as const;
        return spend(store, { ...ask({ sub, limits }), accounts });
      };
      assert.deepEqual([await of('dana'), await of('casey')], ['admitted', 'admitted']);
      assert.equal(await of('kim'), `blocked by ${ORGANIZATION} and ${ORGANIZATION}`);
    });

    it('knows a cap on a model from the cap on all of them', async () => {
      await using store = await open();
      const account = modelAccount('opus', userAccount('dana'));
      const limits = [...own('dana', 100), limitOf(account, cents(20), 'monthly')];
      const opus = () =>
        spend(store, { ...ask({ limits }), accounts: [userAccount('dana'), account] });
      assert.deepEqual([await opus(), await opus()], ['admitted', 'admitted']);
      assert.equal(await opus(), `blocked by ${account}`);
      assert.equal(await spend(store, ask({ limits: own('dana', 100) })), 'admitted');
      assert.equal(await spentOf(store, userAccount('dana')), 30);
    });

    it('keeps accounts of every form apart, from the reservation to the ledger', async () => {
      await using store = await open();
      const request = { ...ask(), accounts: EVERY_FORM };
      await store.admit(request);
      const [held] = await store.expired(NOW + DAY, 10);
      assert.deepEqual(held?.accounts, EVERY_FORM);
      await store.settle(settleRequest(request, REQUEST));
      const [entry] = await store.outbox(NOW, 10);
      assert.deepEqual(entry?.accounts, EVERY_FORM);
      await store.apply([request.id]);
      const rows = await store.spend(EVERY_FORM, NOW);
      assert.deepEqual(
        rows.filter(({ period }) => period === 'daily').map(({ account }) => account),
        EVERY_FORM,
      );
      for (const row of rows) {
        const { ledgeredMicroUsd, pendingMicroUsd, reservedMicroUsd } = row;
        assert.deepEqual([ledgeredMicroUsd, pendingMicroUsd, reservedMicroUsd], [REQUEST, 0, 0]);
      }
    });
  });

  describe(`QuotaStore ${name}: contention for budgets`, () => {
    it('lets 300 parallel requests past each pool by less than one reservation', async () => {
      await using store = await open();
      const pools = [poolOf('a', cents(100)), poolOf('b', cents(50))];
      const requests = Array.from({ length: 300 }, (_, nth) =>
        ask({ sub: `p${nth % 40}`, reserve: cents(3), pools }),
      );
      const answers = await Promise.all(
        requests.map(async (request) => ({ request, answer: await store.admit(request) })),
      );
      let admitted = 0;
      for (const { request, answer } of answers) {
        if (answer.outcome !== 'admitted') assert.equal(answer.outcome, 'busy');
        else {
          admitted += 1;
          const accounts = [...request.accounts, answer.pool ?? ORGANIZATION];
          await store.settle({ ...settleRequest(request, cents(3)), accounts });
        }
      }
      // 34 of three cents pass 100, 17 pass 50.
      assert.equal(admitted, 51);
      assert.deepEqual([await spentOf(store, 'pool:a'), await spentOf(store, 'pool:b')], [102, 51]);
      assert.equal(await spend(store, ask({ pools })), 'blocked by pool:b');
    });
  });
}
