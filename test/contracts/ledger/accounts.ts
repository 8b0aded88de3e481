// What is counted for whom, and how it is read back.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type AccountId, modelAccount, poolAccount, userAccount } from '#shared/domain/account.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import { NOON_MS } from '../../support/clock.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { allTotals, DAY_MS, type LedgerHarness } from './reading.ts';

const TODAY = bucketsAt(NOON_MS);
const ZERO = { daily: 0, weekly: 0, monthly: 0 };

const accountsOf = (sub: string): readonly AccountId[] => [
  userAccount(sub),
  modelAccount('sonnet', userAccount(sub)),
  poolAccount('engineering'),
  'organization',
];

export function accounts({ open }: LedgerHarness): void {
  it('counts for every account of an event, in every period', async () => {
    await using ledger = await open();
    const [ada, bob] = [accountsOf('ada'), accountsOf('bob')];
    await ledger.port.record([
      usageEvent({ accounts: ada, costMicroUsd: 1 }),
      usageEvent({ accounts: ada, costMicroUsd: 20, timeMs: NOON_MS - DAY_MS }),
    ]);
    await ledger.port.record([
      usageEvent({ sub: 'bob', accounts: bob, costMicroUsd: 300, timeMs: NOON_MS + 6 * DAY_MS }),
    ]);
    const spent = (account: AccountId) => ledger.port.spendOf(account, TODAY);
    assert.deepEqual(await spent('user:ada'), { daily: 1, weekly: 21, monthly: 21 });
    assert.deepEqual(await spent('model:sonnet:user:ada'), { daily: 1, weekly: 21, monthly: 21 });
    assert.deepEqual(await spent('model:sonnet:user:bob'), { daily: 0, weekly: 0, monthly: 300 });
    assert.deepEqual(await spent('pool:engineering'), { daily: 1, weekly: 21, monthly: 321 });
    assert.deepEqual(await spent('organization'), { daily: 1, weekly: 21, monthly: 321 });
    assert.deepEqual(await spent('pool:sales'), ZERO);
    assert.deepEqual(await spent('model:opus:user:ada'), ZERO);
  });

  it('counts once for an account that an event names twice', async () => {
    await using ledger = await open();
    await ledger.port.record([
      usageEvent({ accounts: ['user:ada', 'organization', 'user:ada'], costMicroUsd: 5 }),
    ]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 5);
    assert.equal((await ledger.port.spendOf('organization', TODAY)).daily, 5);
  });

  it('charges only the accounts that the event names', async () => {
    await using ledger = await open();
    await ledger.port.record([usageEvent({ sub: 'ada', accounts: ['pool:x'], costMicroUsd: 5 })]);
    assert.deepEqual(await ledger.port.spendOf('user:ada', TODAY), ZERO);
    assert.equal((await ledger.port.spendOf('pool:x', TODAY)).monthly, 5);
  });

  it('pages accounts of every kind, whole ones and ascending, whatever the page', async () => {
    await using ledger = await open();
    const people = ['ada', 'bob', 'cyd'];
    // Several calls, so that what is shared was counted in several places.
    for (let nth = 0; nth < 24; nth += 1) {
      const sub = people[nth % people.length] ?? '';
      const pool = poolAccount(`team-${nth % 4}`);
      await ledger.port.record([
        usageEvent({ sub, accounts: [...accountsOf(sub), pool], costMicroUsd: nth + 1 }),
      ]);
    }
    const whole = await allTotals(ledger.port, TODAY);
    const names = [...new Set(whole.map(({ account }) => account))];
    assert.deepEqual(names, [
      ...people.map((sub) => `model:sonnet:user:${sub}`),
      'organization',
      'pool:engineering',
      ...[0, 1, 2, 3].map((nth) => `pool:team-${nth}`),
      ...people.map((sub) => `user:${sub}`),
    ]);
    assert.equal(whole.length, 3 * names.length);
    for (const limit of [1, 2, 3, 5]) {
      assert.deepEqual(await allTotals(ledger.port, TODAY, limit), whole, `pages of ${limit}`);
    }
    for (const { account, period, amountMicroUsd } of whole) {
      assert.equal((await ledger.port.spendOf(account, TODAY))[period], amountMicroUsd, account);
    }
    const organization = whole.find(({ account }) => account === 'organization');
    assert.equal(organization?.amountMicroUsd, (24 * 25) / 2);
  });

  it('rolls up each set of groups and each billing group by itself', async () => {
    await using ledger = await open();
    await ledger.port.record([
      usageEvent({ groups: ['b', 'a'], billingGroup: 'x', costMicroUsd: 1 }),
      usageEvent({ groups: ['a', 'b', 'a'], billingGroup: 'x', costMicroUsd: 20 }),
      usageEvent({ groups: ['a'], billingGroup: 'x', costMicroUsd: 300 }),
    ]);
    await ledger.port.record([
      usageEvent({ groups: ['b', 'a'], billingGroup: 'x', costMicroUsd: 4000 }),
      usageEvent({ groups: ['a', 'b'], billingGroup: null, costMicroUsd: 50_000 }),
      usageEvent({ groups: [], billingGroup: null, costMicroUsd: 600_000 }),
      usageEvent({ groups: ['a', 'b'], billingGroup: '', costMicroUsd: 7_000_000 }),
    ]);
    const rollups = await ledger.port.rollups(TODAY.daily, TODAY.daily);
    assert.deepEqual(
      rollups
        .map(({ groups, billingGroup, costMicroUsd }) =>
          JSON.stringify([costMicroUsd, groups, billingGroup]),
        )
        .sort(),
      [
        '[300,["a"],"x"]',
        '[4021,["a","b"],"x"]',
        '[50000,["a","b"],null]',
        '[600000,[],null]',
        '[7000000,["a","b"],""]',
      ],
    );
  });

  it('rolls up for groups of a large directory', async () => {
    await using ledger = await open();
    const groups = Array.from({ length: 500 }, (_, nth) => `group-${nth}-of-a-large-directory`);
    await ledger.port.record([usageEvent({ groups, costMicroUsd: 1 })]);
    await ledger.port.record([usageEvent({ groups: groups.toReversed(), costMicroUsd: 2 })]);
    const [rollup, ...more] = await ledger.port.rollups(TODAY.daily, TODAY.daily);
    assert.deepEqual(more, []);
    assert.deepEqual(rollup?.groups, groups.toSorted());
    assert.equal(rollup?.costMicroUsd, 3);
  });
}
