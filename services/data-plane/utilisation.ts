// How full a cap is, exactly: ratios are compared by multiplication and rounded as integers. Plain numbers
// decide where they are exact, or far enough apart; BigInts where not.

import type { MicroUsd } from '#shared/domain/money.ts';
import { boundsAt } from '#shared/domain/period.ts';
import type { Limit, Standing } from '#shared/domain/quota.ts';

/** Whole hundredths of `spent / cap`, half up; a cap of 0 is full. */
export function hundredths(spentMicroUsd: MicroUsd, capMicroUsd: MicroUsd): number {
  if (capMicroUsd === 0) return 100;
  const twice = spentMicroUsd * 200 + capMicroUsd;
  const by = capMicroUsd * 2;
  if (Number.isSafeInteger(twice) && Number.isSafeInteger(by)) return (twice - (twice % by)) / by;
  return Number((BigInt(spentMicroUsd) * 200n + BigInt(capMicroUsd)) / BigInt(by));
}

/** True where spend is strictly above so many hundredths of the cap, unrounded. */
export function isAbove(standing: Standing, threshold: number): boolean {
  const { spentMicroUsd, limit } = standing;
  return compareProducts(spentMicroUsd, 100, limit.capMicroUsd, threshold) > 0;
}

/** Negative where `a` is less full than `b`. */
export function compareFullness(a: Standing, b: Standing): number {
  const [left, right] = [fraction(a), fraction(b)];
  return compareProducts(left.spent, right.cap, right.spent, left.cap);
}

/** The sign of `a * b - c * d`, for integers from 0 to 2^53. */
function compareProducts(a: number, b: number, c: number, d: number): number {
  const left = a * b;
  const right = c * d;
  // Each is off by 2^-53 of itself at most.
  if (Math.abs(left - right) > (left + right) * 2 ** -50) return left < right ? -1 : 1;
  const difference = BigInt(a) * BigInt(b) - BigInt(c) * BigInt(d);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function resetsAtMs(limit: Limit, nowMs: number): number {
  return boundsAt(limit.period, nowMs).endMs;
}

function fraction({ spentMicroUsd, limit }: Standing): { spent: number; cap: number } {
  if (limit.capMicroUsd === 0) return { spent: 1, cap: 1 };
  return { spent: spentMicroUsd, cap: limit.capMicroUsd };
}
