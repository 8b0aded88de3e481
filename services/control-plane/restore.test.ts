import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AccountId, ORGANIZATION, poolAccount, userAccount } from '#shared/domain/account.ts';
import { openSpendJobs } from '../../test/support/spend-jobs.ts';
import { usageEvent } from '../../test/support/usage-event.ts';
import { recomputeQuota } from './jobs/recompute.ts';
import { restoreQuota } from './restore.ts';

const TEAM = poolAccount('team');
const { signal } = new AbortController();
const charged = (sub: string, costMicroUsd: number, ...shared: AccountId[]) =>
  usageEvent({ sub, costMicroUsd, accounts: [userAccount(sub), ...shared] });

describe('a quota store that lost its memory', () => {
  it('knows again what every account has spent, budgets too', async () => {
    const { deps, settle, month } = openSpendJobs();
    deps.ledger.record(charged('dana', 300, TEAM, ORGANIZATION));
    deps.ledger.record(charged('casey', 500, 'model:opus:user:casey', ORGANIZATION));
    await settle(charged('dana', 40, TEAM, ORGANIZATION));
    await restoreQuota(deps, signal);
    assert.equal(await deps.quota.isWhole(), true);
    const spent = async (account: AccountId) => (await month(account)).spent;
    assert.equal(await spent('user:dana'), 340);
    assert.equal(await spent('model:opus:user:casey'), 500);
    assert.equal(await spent(TEAM), 340);
    assert.equal(await spent(ORGANIZATION), 840);
    assert.deepEqual(await deps.quota.outbox(deps.clock.now(), 10), []);
  });

  it('counts what never stands still no lower than the ledger, then exactly', async () => {
    const { deps, settle, month } = openSpendJobs();
    deps.ledger.record(charged('dana', 300_000, TEAM, ORGANIZATION));
    deps.ledger.record(charged('quiet', 70));
    // Whenever the ledger is read, a request has just been settled and another one is applied.
    let at = 0;
    let truth = 300_000;
    const earlier: string[] = [];
    const traffic = async () => {
      const event = charged(`p${at++}`, 30, TEAM, ORGANIZATION);
      truth += 30;
      await settle(event);
      deps.ledger.record(event);
      const applied = earlier.splice(0);
      earlier.push(event.id);
      await deps.quota.apply(applied);
    };
    const hot = {
      ...deps,
      ledger: {
        async totals(...asked: Parameters<typeof deps.ledger.totals>) {
          await traffic();
          return deps.ledger.totals(...asked);
        },
      },
    };
    await restoreQuota(hot, signal);
    assert.equal((await month('user:quiet')).spent, 70);
    for (const account of [TEAM, ORGANIZATION]) {
      const { spent, pending } = await month(account);
      assert.ok(pending > 0, 'it stood still');
      assert.ok(spent <= truth && spent >= truth - pending, `${account}: ${spent} of ${truth}`);
    }
    await deps.quota.apply(earlier);
    assert.equal(await recomputeQuota(deps, signal), 0);
    assert.deepEqual(await month(ORGANIZATION), { spent: truth, pending: 0 });
  });
});

describe('recompute', () => {
  it('finds what a hot budget missed while its store was away, and disturbs nothing else', async () => {
    const { deps, settle, month } = openSpendJobs();
    const settled = charged('dana', 100, ORGANIZATION);
    await settle(settled);
    deps.ledger.record(settled);
    await deps.quota.apply([settled.id]);
    // Of these the bus alone had word.
    for (let nth = 0; nth < 50; nth += 1) deps.ledger.record(charged('casey', 90, ORGANIZATION));
    await settle(charged('kim', 20, ORGANIZATION));
    assert.ok((await recomputeQuota(deps, signal)) > 0);
    // At least what the ledger has; kim's may be missed until it stands still.
    assert.deepEqual(await month(ORGANIZATION), { spent: 4600, pending: 20 });
    assert.equal((await month('user:dana')).spent, 100);
    assert.equal((await month('user:casey')).spent, 4500);
  });
});
