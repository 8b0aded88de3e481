import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORGANIZATION, poolAccount, userAccount } from './account.ts';
import { type Budget, type Cap, indexCaps } from './cap.ts';
import { type MicroUsd, microUsd } from './money.ts';
import {
  type LimitSpend,
  reachedThresholds,
  type WatchedLimit,
  watchedBudgets,
  watchedCaps,
} from './threshold.ts';

const THRESHOLDS = [50, 75, 90, 100];
const limit: WatchedLimit = {
  id: 'spl_1',
  kind: 'cap',
  scope: { type: 'organization' },
  period: 'daily',
  model: null,
  account: userAccount('dana'),
  amountMicroUsd: microUsd(10_000_000),
};

function spend(spent: number, over: Partial<WatchedLimit> = {}, bucket = '2026-11-24'): LimitSpend {
  const watched = { ...limit, ...over };
  return { limit: watched, bucket, resetsAtMs: 0, spentMicroUsd: microUsd(spent) };
}

function percents(at: LimitSpend, thresholds = THRESHOLDS): (number | string)[] {
  return reachedThresholds(at, thresholds).map(({ percent, isTold }) =>
    isTold ? percent : `(${percent})`,
  );
}

test('a threshold is reached at its very micro-USD, and of several the highest is told', () => {
  assert.deepEqual(percents(spend(0)), []);
  assert.deepEqual(percents(spend(4_999_999)), []);
  assert.deepEqual(percents(spend(5_000_000)), [50]);
  assert.deepEqual(percents(spend(7_499_999)), [50]);
  assert.deepEqual(percents(spend(7_500_000)), [75, '(50)']);
  assert.deepEqual(percents(spend(9_000_000)), [90, '(75)', '(50)']);
  assert.deepEqual(percents(spend(9_999_999)), [90, '(75)', '(50)']);
  assert.deepEqual(percents(spend(25_000_000)), [100, '(90)', '(75)', '(50)']);
});

test('a share of a cap that is no whole number is not reached a fraction early', () => {
  const odd = { amountMicroUsd: microUsd(3) };
  assert.deepEqual(percents(spend(1, odd)), []);
  assert.deepEqual(percents(spend(2, odd)), [50]);
  assert.deepEqual(percents(spend(3, odd)), [100, '(90)', '(75)', '(50)']);
});

test('amounts whose hundredfold no double holds are compared exactly', () => {
  const huge = { amountMicroUsd: microUsd(Number.MAX_SAFE_INTEGER) };
  assert.deepEqual(percents(spend(Number.MAX_SAFE_INTEGER - 1, huge), [100]), []);
  assert.deepEqual(percents(spend(Number.MAX_SAFE_INTEGER, huge), [100]), [100]);
});

test('thresholds may come in any order, twice, above 100, or not at all', () => {
  assert.deepEqual(percents(spend(12_000_000), [120, 50, 120]), [120, '(50)']);
  assert.deepEqual(percents(spend(12_000_000), []), []);
});

test('a cap of 0 raises nothing', () => {
  assert.deepEqual(percents(spend(5, { amountMicroUsd: microUsd(0) })), []);
});

test('a key is the same for the same threshold, whatever was spent, and else another one', () => {
  const key = (at: LimitSpend) => reachedThresholds(at, [50])[0]?.key ?? '';
  const same = [spend(5_000_000), spend(9_999_999)].map(key);
  const others = [
    spend(5_000_000, {}, '2026-11-25'),
    spend(5_000_000, { id: 'spl_2' }),
    spend(5_000_000, { account: userAccount('eve') }),
    spend(6_000_000, { amountMicroUsd: microUsd(12_000_000) }),
    spend(5_000_000, { kind: 'budget', account: ORGANIZATION }),
  ].map(key);
  assert.equal(new Set(same).size, 1);
  assert.equal(new Set([...same, ...others]).size, 1 + others.length);
});

test('a person is watched under the caps that apply, the shared accounts under their budgets', () => {
  const cap = (id: string, over: Partial<Cap>): Cap => ({
    id,
    scope: { type: 'organization' },
    period: 'daily',
    model: null,
    amountMicroUsd: microUsd(1),
    ...over,
  });
  const budget = (id: string, scope: Budget['scope']): Budget => ({
    ...{ id, scope, period: 'weekly', amountMicroUsd: microUsd(2) },
  });
  const index = indexCaps({
    version: 1,
    caps: [
      cap('day', {}),
      cap('opus', { model: 'opus' }),
      cap('haiku', { model: 'haiku' }),
      cap('month', { period: 'monthly', amountMicroUsd: null }),
      cap('own', { scope: { type: 'user', userId: 'dana' }, amountMicroUsd: microUsd(9) }),
    ],
    budgets: [
      budget('all', { type: 'organization' }),
      budget('pool', { type: 'rbac_group', rbacGroupId: 'eng' }),
    ],
  });
  const rows = (found: WatchedLimit[]): [string, string, MicroUsd][] =>
    found.map(({ id, account, amountMicroUsd }) => [id, account, amountMicroUsd]);
  const dana = { sub: 'dana', groups: ['eng'] };
  assert.deepEqual(rows(watchedCaps(index, dana, ['opus'], 'min')), [
    ['own', 'user:dana', 9],
    ['opus', 'model:opus:user:dana', 1],
  ]);
  assert.deepEqual(rows(watchedBudgets(index, poolAccount('eng'))), [['pool', 'pool:eng', 2]]);
  assert.deepEqual(rows(watchedBudgets(index, ORGANIZATION)), [['all', 'organization', 2]]);
  assert.deepEqual(rows(watchedBudgets(index, userAccount('dana'))), []);
});
