import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { microUsd } from '#shared/domain/money.ts';
import type { Standing } from '#shared/domain/quota.ts';
import { compareFullness, hundredths, isAbove } from './utilisation.ts';

const amount = fc.oneof(
  fc.nat(20),
  fc.nat(1_000_000_000),
  fc.maxSafeNat().map((value) => Math.floor(value / 2 ** 20)),
  fc.maxSafeNat(),
);
const standing = fc.tuple(amount, amount).map(
  ([spent, cap]): Standing => ({
    limit: { capId: '', account: 'organization', period: 'daily', capMicroUsd: microUsd(cap) },
    spentMicroUsd: microUsd(spent),
    reservedMicroUsd: microUsd(0),
  }),
);
const exactly = ({ spentMicroUsd, limit }: Standing) =>
  limit.capMicroUsd === 0
    ? { spent: 1n, cap: 1n }
    : { spent: BigInt(spentMicroUsd), cap: BigInt(limit.capMicroUsd) };

test('fullness is compared as exactly as by BigInts, of nearly equal caps too', () => {
  const near = fc.tuple(standing, fc.integer({ min: -2, max: 2 })).map(([one, by]) => {
    const cap = microUsd(Math.max(0, one.limit.capMicroUsd + by * 2) % Number.MAX_SAFE_INTEGER);
    return [one, { ...one, limit: { ...one.limit, capMicroUsd: cap } }] as const;
  });
  fc.assert(
    fc.property(fc.oneof(fc.tuple(standing, standing), near), ([one, other]) => {
      const [a, b] = [exactly(one), exactly(other)];
      const difference = a.spent * b.cap - b.spent * a.cap;
      const sign = difference < 0n ? -1 : difference > 0n ? 1 : 0;
      assert.equal(compareFullness(one, other), sign);
    }),
    { numRuns: 2_000 },
  );
});

test('hundredths and thresholds are those of BigInts', () => {
  fc.assert(
    fc.property(standing, fc.constantFrom(75, 95), (one, threshold) => {
      const { spentMicroUsd, limit } = one;
      const [spent, cap] = [BigInt(spentMicroUsd), BigInt(limit.capMicroUsd)];
      assert.equal(isAbove(one, threshold), spent * 100n > cap * BigInt(threshold));
      const rounded = cap === 0n ? 100n : (spent * 200n + cap) / (cap * 2n);
      assert.equal(hundredths(spentMicroUsd, limit.capMicroUsd), Number(rounded));
    }),
    { numRuns: 2_000 },
  );
});
