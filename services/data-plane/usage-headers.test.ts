import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MicroUsd, ZERO } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type { Standing } from '#shared/domain/quota.ts';
import { renderBlocked, renderUnavailable } from './spend-refusals.ts';
import { renderStandingHeaders } from './usage-headers.ts';

// The captured table is in test/wire/spend-headers.test.ts; here is what it does not reach.
const DEC_31 = Temporal.Instant.from('2026-12-31T23:59:59.500Z').epochMilliseconds;

function standing(period: Period, capMicroUsd: number, spentMicroUsd: number): Standing {
  return {
    limit: { capId: 'c', account: 'user:u', period, capMicroUsd: capMicroUsd as MicroUsd },
    spentMicroUsd: spentMicroUsd as MicroUsd,
    reservedMicroUsd: ZERO,
  };
}

const PREFIX = 'anthropic-ratelimit-unified-';

describe('thresholds', () => {
  for (const [spent, status, threshold] of [
    [750_000, 'allowed', undefined],
    [750_001, 'allowed_warning', '0.75'],
    [950_000, 'allowed_warning', '0.75'],
    [950_001, 'allowed_warning', '0.95'],
    [999_999, 'allowed_warning', '0.95'],
  ] as const) {
    test(`${spent} of a million micro-USD is ${status}`, () => {
      const headers = renderStandingHeaders([standing('monthly', 1_000_000, spent)], DEC_31);
      assert.equal(headers[`${PREFIX}status`], status);
      assert.equal(headers[`${PREFIX}overage-surpassed-threshold`], threshold);
    });
  }

  test('the largest amounts are compared exactly', () => {
    const cap = Number.MAX_SAFE_INTEGER;
    const headers = renderStandingHeaders(
      [standing('daily', cap, cap - 2), standing('weekly', cap, cap - 1)],
      DEC_31,
    );
    const monday = Temporal.Instant.from('2027-01-04T00:00:00Z').epochMilliseconds / 1000;
    assert.equal(headers[`${PREFIX}reset`], String(monday));
    assert.equal(headers[`${PREFIX}overage-utilization`], '0.99');
  });
});

describe('refusals', () => {
  test('in the last half second of a period the client is told to wait one', () => {
    const breached = [standing('monthly', 1_000_000, 2_340_000)];
    const { headers, body, breach } = renderBlocked(
      { outcome: 'blocked', standings: breached, breached },
      { nowMs: DEC_31, blockedMessage: '' },
    );
    assert.equal(headers['retry-after'], '1');
    assert.equal(headers[`${PREFIX}overage-utilization`], '2.34');
    assert.equal(body.error.message, 'spend limit reached · resets Jan 1');
    assert.equal(breach, breached[0]);
  });

  test('without a message of the operator the sentence stands alone', () => {
    const { body } = renderUnavailable({ blockedMessage: null });
    assert.equal(body.error.message, 'spend limit unavailable');
  });
});
