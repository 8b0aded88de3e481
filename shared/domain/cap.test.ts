import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Budget,
  type Cap,
  type CapScope,
  chargeOf,
  type GroupLimitMode,
  indexCaps,
  poolsOf,
  resolveCap,
} from './cap.ts';
import { type MicroUsd, microUsd } from './money.ts';

const user = (userId: string): CapScope => ({ type: 'user', userId });
const group = (rbacGroupId: string): CapScope => ({ type: 'rbac_group', rbacGroupId });
const organization: CapScope = { type: 'organization' };

function resolved(
  rows: readonly (readonly [CapScope, number | null])[],
  groups: readonly string[],
  mode: GroupLimitMode = 'min',
): MicroUsd | null | 'none' {
  const caps = rows.map(([scope, amount], i): Cap => {
    const amountMicroUsd = amount === null ? null : microUsd(amount);
    return { id: `c${i}`, scope, period: 'monthly', model: null, amountMicroUsd };
  });
  const cap = resolveCap(
    indexCaps({ version: 1, caps, budgets: [] }),
    { sub: 'dana', groups },
    'monthly',
    mode,
  );
  return cap === null ? 'none' : cap.amountMicroUsd;
}

describe('the cap that applies', () => {
  it("is the person's own, even when it is unlimited", () => {
    assert.equal(
      resolved(
        [
          [user('dana'), null],
          [organization, 1],
        ],
        [],
      ),
      null,
    );
    assert.equal(
      resolved(
        [
          [user('dana'), 5],
          [group('g'), 1],
        ],
        ['g'],
      ),
      5,
    );
  });

  it("is the tightest of the groups' with min, unlimited losing to any", () => {
    const rows = [
      [group('a'), 5],
      [group('b'), 20],
      [group('c'), null],
    ] as const;
    assert.equal(resolved(rows, ['b', 'a', 'c']), 5);
    assert.equal(resolved(rows, ['c', 'b']), 20);
  });

  it("is the widest of the groups' with max, unlimited winning over all", () => {
    const rows = [
      [group('a'), 5],
      [group('b'), 20],
      [group('c'), null],
    ] as const;
    assert.equal(resolved(rows, ['a', 'b'], 'max'), 20);
    assert.equal(resolved(rows, ['a', 'c', 'b'], 'max'), null);
  });

  it("is the organization's for everybody without another", () => {
    assert.equal(
      resolved(
        [
          [organization, 7],
          [group('a'), 5],
        ],
        ['A'],
      ),
      7,
    );
    assert.equal(
      resolved(
        [
          [group('a'), null],
          [organization, 7],
        ],
        ['a'],
      ),
      null,
    );
    assert.equal(resolved([[user('casey'), 5]], []), 'none');
  });
});

describe('what a request is charged to', () => {
  const cap = (scope: CapScope, amount: number | null, model: string | null = null): Cap => ({
    id: `${scope.type} ${model}`,
    scope,
    period: 'monthly',
    model,
    amountMicroUsd: amount === null ? null : microUsd(amount),
  });
  const budget = (scope: Budget['scope'], period: Budget['period'], amount: number): Budget => ({
    id: `${scope.type} ${period} ${amount}`,
    scope,
    period,
    amountMicroUsd: microUsd(amount),
  });
  const team = (rbacGroupId: string) => ({ type: 'rbac_group', rbacGroupId }) as const;
  const everybody = { type: 'organization' } as const;
  const dana = { sub: 'dana', groups: ['b', 'a', 'b', 'none'] };

  it('is the person alone where there is nothing else, and no limit where all is unlimited', () => {
    const index = indexCaps({ version: 1, caps: [cap(organization, null)], budgets: [] });
    assert.deepEqual(chargeOf(index, dana, ['opus', 'claude-opus-5-5'], 'min'), {
      accounts: ['user:dana'],
      limits: [],
      pools: [],
    });
  });

  it('is the model too where anybody has a cap on it, and limited by whose cap applies', () => {
    const caps = [
      cap(organization, 9),
      cap(group('a'), 5, 'opus'),
      cap(group('b'), 3, 'opus'),
      cap(user('casey'), 1, 'claude-opus-5-5'),
    ];
    const index = indexCaps({ version: 1, caps, budgets: [] });
    const models = ['opus', 'claude-opus-5-5', 'never-capped'];
    const { accounts, limits } = chargeOf(index, dana, models, 'min');
    assert.deepEqual(accounts, [
      'user:dana',
      'model:opus:user:dana',
      'model:claude-opus-5-5:user:dana',
    ]);
    assert.deepEqual(
      limits.map(({ account, capMicroUsd }) => [account, capMicroUsd]),
      [
        ['user:dana', 9],
        ['model:opus:user:dana', 3],
      ],
    );
    assert.equal(chargeOf(index, dana, models, 'max').limits[1]?.capMicroUsd, 5);
    assert.deepEqual(chargeOf(index, dana, ['haiku'], 'min').accounts, ['user:dana']);
  });

  it("is everybody's budget as well, whose periods are limits of all", () => {
    const budgets = [budget(everybody, 'daily', 4), budget(everybody, 'monthly', 90)];
    const index = indexCaps({ version: 1, caps: [], budgets });
    const { accounts, limits, pools } = chargeOf(index, { sub: 'kim', groups: [] }, [], 'min');
    assert.deepEqual([accounts, pools], [['user:kim', 'organization'], []]);
    assert.deepEqual(
      limits.map(({ account, period, capMicroUsd }) => [account, period, capMicroUsd]),
      [
        ['organization', 'daily', 4],
        ['organization', 'monthly', 90],
      ],
    );
  });

  it("is one of the groups' budgets, each once and ascending, with all its periods", () => {
    const budgets = [
      budget(team('b'), 'monthly', 20),
      budget(team('a'), 'monthly', 10),
      budget(team('b'), 'weekly', 7),
      budget(team('not dana’s'), 'monthly', 1),
    ];
    const index = indexCaps({ version: 1, caps: [], budgets });
    const { accounts, limits, pools } = chargeOf(index, dana, [], 'min');
    assert.deepEqual([accounts, limits], [['user:dana'], []]);
    assert.deepEqual(
      pools.map((pool) => [
        pool.account,
        ...pool.limits.map(({ period, capMicroUsd }) => `${period} ${capMicroUsd}`),
      ]),
      [
        ['pool:a', 'monthly 10'],
        ['pool:b', 'monthly 20', 'weekly 7'],
      ],
    );
    assert.ok(pools.every(({ account, limits }) => limits.every((at) => at.account === account)));
    assert.deepEqual(poolsOf(index, { sub: 'kim', groups: [] }), []);
  });
});
