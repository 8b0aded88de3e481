import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { add, fromCents, MICRO_USD_MAX, microUsd, toCentsText } from './money.ts';

describe('money', () => {
  it('is never a fraction and never beyond what an integer holds', () => {
    assert.throws(() => microUsd(0.5), RangeError);
    assert.throws(() => add(MICRO_USD_MAX, microUsd(1)), RangeError);
  });

  it('takes whole cents, and the largest amount for more than it can hold', () => {
    assert.equal(fromCents(1210n), 12_100_000);
    assert.equal(fromCents(9_007_199_254_740_992n), MICRO_USD_MAX);
  });

  for (const [amount, decimals, text] of [
    [4_725, 3, '0.472'],
    [10_000, 3, '1'],
    [12_345_678, 3, '1234.567'],
    [12_345_678, 0, '1234'],
    [-4_700, 3, '-0.47'],
    [0, 3, '0'],
  ] as const) {
    it(`prints ${amount} micro-USD as ${text} cents`, () => {
      assert.equal(toCentsText(microUsd(amount), decimals), text);
    });
  }
});
