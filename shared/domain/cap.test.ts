import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Cap, type CapScope, type GroupLimitMode, indexCaps, resolveCap } from './cap.ts';
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
