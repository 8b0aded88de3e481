import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCapBody } from './cap-body.ts';

const ORGANIZATION = { scope: { type: 'organization' }, amount: '1' };

describe('a body that sets a cap', () => {
  for (const [name, body, expected] of [
    [
      'everything said',
      {
        scope: { type: 'user', user_id: 'u' },
        amount: '700',
        period: 'daily',
        currency: 'USD',
        reason: 'quarter end',
      },
      {
        scope: { type: 'user', userId: 'u' },
        amount: '700',
        period: 'daily',
        reason: 'quarter end',
      },
    ],
    [
      'the period defaults to monthly',
      ORGANIZATION,
      { scope: { type: 'organization' }, amount: '1', period: 'monthly', reason: null },
    ],
    [
      'leading zeros go',
      { ...ORGANIZATION, amount: '00700' },
      { scope: { type: 'organization' }, amount: '700', period: 'monthly', reason: null },
    ],
    [
      'zero stays zero',
      { ...ORGANIZATION, amount: '000' },
      { scope: { type: 'organization' }, amount: '0', period: 'monthly', reason: null },
    ],
    [
      'null is unlimited, and foreign fields are ignored',
      { scope: { type: 'rbac_group', rbac_group_id: 'g', user_id: 'u' }, amount: null, foo: 1 },
      {
        scope: { type: 'rbac_group', rbacGroupId: 'g' },
        amount: null,
        period: 'monthly',
        reason: null,
      },
    ],
    [
      'the largest amount that fits',
      { ...ORGANIZATION, amount: '9223372036854775807', pooled_budget: null },
      {
        scope: { type: 'organization' },
        amount: '9223372036854775807',
        period: 'monthly',
        reason: null,
      },
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
    [
      { ...ORGANIZATION, pooled_budget: { amount: '1' } },
      'pooled_budget: budgets that a group shares are not available in this version',
    ],
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
