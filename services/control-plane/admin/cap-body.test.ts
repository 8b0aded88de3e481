import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCapBody } from './cap-body.ts';

const ORGANIZATION = { scope: { type: 'organization' }, amount: '1' };

const PLAIN = {
  scope: { type: 'organization' },
  amount: '1',
  period: 'monthly',
  model: null,
  pooledBudget: null,
  reason: null,
  dryRun: false,
};
const TEAM = { scope: { type: 'rbac_group', rbac_group_id: 'g' } };
const OF_TEAM = { ...PLAIN, scope: { type: 'rbac_group', rbacGroupId: 'g' } };

describe('a body that sets a cap', () => {
  for (const [name, body, expected] of [
    [
      'everything said',
      {
        scope: { type: 'user', user_id: 'u' },
        amount: '700',
        period: 'daily',
        model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
        currency: 'USD',
        reason: 'quarter end',
        dry_run: true,
      },
      {
        scope: { type: 'user', userId: 'u' },
        amount: '700',
        period: 'daily',
        model: 'claude-sonnet-4-5',
        pooledBudget: null,
        reason: 'quarter end',
        dryRun: true,
      },
    ],
    ['the period defaults to monthly', ORGANIZATION, PLAIN],
    ['leading zeros go', { ...ORGANIZATION, amount: '00700' }, { ...PLAIN, amount: '700' }],
    ['zero stays zero', { ...ORGANIZATION, amount: '000' }, { ...PLAIN, amount: '0' }],
    [
      'null is unlimited, and foreign fields are ignored',
      { scope: { ...TEAM.scope, user_id: 'u' }, amount: null, foo: 1 },
      { ...OF_TEAM, amount: null },
    ],
    [
      'the largest amount that fits',
      { ...ORGANIZATION, amount: '9223372036854775807', pooled_budget: null },
      { ...PLAIN, amount: '9223372036854775807' },
    ],
    [
      'dollars are exact',
      { scope: ORGANIZATION.scope, amount_usd: '90071992547409.93' },
      { ...PLAIN, amount: '9007199254740993' },
    ],
    [
      'dollars with one place, with none, and of an e-mail address',
      { scope: { type: 'user', email: 'a@b.c' }, amount_usd: '012.1' },
      { ...PLAIN, scope: { type: 'user', email: 'a@b.c' }, amount: '1210' },
    ],
    [
      'dollars without places',
      { scope: ORGANIZATION.scope, amount_usd: '0' },
      { ...PLAIN, amount: '0' },
    ],
    [
      'dollars of null are unlimited',
      { scope: ORGANIZATION.scope, amount_usd: null },
      { ...PLAIN, amount: null },
    ],
    [
      'a budget, and the row as it is',
      { ...TEAM, pooled_budget: { amount_usd: '1', paused: false, zzz: 1 } },
      { ...OF_TEAM, amount: undefined, pooledBudget: { amount: '100', paused: false } },
    ],
    [
      'a budget that says nothing is none',
      { ...TEAM, amount: '1', pooled_budget: { amount: null } },
      OF_TEAM,
    ],
  ] as const) {
    test(name, () => assert.deepEqual(parseCapBody(body), expected));
  }
});

describe('a body that is refused names the field', () => {
  const user = (user_id: unknown) => ({ scope: { type: 'user', user_id }, amount: '1' });
  for (const [body, message] of [
    [null, 'Expected object, received null'],
    [[], 'Expected object, received array'],
    ['x', 'Expected object, received string'],
    [{}, 'scope: Required'],
    [{ ...ORGANIZATION, scope: null }, 'scope: Expected object, received null'],
    [
      { ...ORGANIZATION, scope: {} },
      "scope.type: Invalid discriminator value. Expected 'user' | 'rbac_group' | 'organization'",
    ],
    [user(undefined), 'scope.user_id: Required'],
    [user(7), 'scope.user_id: Expected string, received number'],
    [user(''), 'scope.user_id: String must contain at least 1 character(s)'],
    [user('a\u0000b'), 'scope.user_id: must not contain control characters'],
    [{ scope: { type: 'organization' } }, 'amount: Required'],
    [{ ...ORGANIZATION, amount: true }, 'amount: Expected string, received boolean'],
    [{ ...ORGANIZATION, amount: '1e3' }, 'amount: must be a whole-number decimal string of cents'],
    [
      { ...ORGANIZATION, amount: '9223372036854775808' },
      'amount: must be at most 9223372036854775807',
    ],
    [
      { ...ORGANIZATION, amount: '9'.repeat(100_000) },
      'amount: must be at most 9223372036854775807',
    ],
    [
      { ...ORGANIZATION, period: null },
      "period: Expected 'daily' | 'weekly' | 'monthly', received null",
    ],
    [{ ...TEAM, pooled_budget: null }, 'amount: Required'],
    [
      { ...ORGANIZATION, amount: '1', amount_usd: '1' },
      'amount: give amount or amount_usd, not both',
    ],
    [
      { scope: { type: 'organization' }, amount_usd: '1.234' },
      'amount_usd: must be a decimal string of dollars with at most two places',
    ],
    [
      { scope: { type: 'organization' }, amount_usd: 12.1 },
      'amount_usd: Expected string, received number',
    ],
    [
      { scope: { type: 'organization' }, amount_usd: '92233720368547758.08' },
      'amount_usd: is too large',
    ],
    [
      { ...TEAM, pooled_budget: { amount: '99999999999999999999' } },
      'pooled_budget.amount: must be a whole-number decimal string of cents',
    ],
    [
      { ...ORGANIZATION, model: 'opus', pooled_budget: { amount: '1' } },
      'Pooled budgets are for all models. Set pooled fields on a limit without model.',
    ],
    [
      { ...user('u'), pooled_budget: { paused: true } },
      'Pooled budget fields can only be set on a group-level limit',
    ],
    [
      { ...ORGANIZATION, model: 'a b' },
      'model: must be a family, such as opus, or the id of a model',
    ],
    [
      { scope: { type: 'user', user_id: 'u', email: 'u@x' }, amount: '1' },
      'scope: give user_id or email, not both',
    ],
    [user('\ud800'), 'scope.user_id: must be well-formed Unicode'],
    [user('x'.repeat(2049)), 'scope.user_id: must be at most 2048 bytes long'],
    [{ ...ORGANIZATION, dry_run: 'yes' }, 'dry_run: Expected boolean, received string'],
    [{ ...ORGANIZATION, reason: 'a\u0000' }, 'reason: must not contain NUL characters'],
    [{ ...ORGANIZATION, reason: 1 }, 'reason: Expected string, received number'],
    [
      { ...ORGANIZATION, reason: 'x'.repeat(1001) },
      'reason: String must contain at most 1000 character(s)',
    ],
  ] as const) {
    test(message, () => {
      assert.throws(() => parseCapBody(body), { code: 'invalid_request', message });
    });
  }
});
