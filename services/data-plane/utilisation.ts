// How full a cap is, exactly: ratios are compared by multiplication and rounded as integers.

import type { MicroUsd } from '#shared/domain/money.ts';
import { boundsAt } from '#shared/domain/period.ts';
import type { Limit, Standing } from '#shared/domain/quota.ts';

/** Whole hundredths of `spent / cap`, half up; a cap of 0 is full. */
export function hundredths(spentMicroUsd: MicroUsd, capMicroUsd: MicroUsd): number {
  if (capMicroUsd === 0) return 100;
  const spent = BigInt(spentMicroUsd) * 100n;
  const cap = BigInt(capMicroUsd);
  return Number((spent * 2n + cap) / (cap * 2n));
}

/** True where spend is strictly above so many hundredths of the cap, unrounded. */
export function isAbove(standing: Standing, threshold: number): boolean {
  const { spentMicroUsd, limit } = standing;
  return BigInt(spentMicroUsd) * 100n > BigInt(limit.capMicroUsd) * BigInt(threshold);
}

/** Negative where `a` is less full than `b`. */
export function compareFullness(a: Standing, b: Standing): number {
  const left = fraction(a);
  const right = fraction(b);
  const difference = left.spent * right.cap - right.spent * left.cap;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function resetsAtMs(limit: Limit, nowMs: number): number {
  return boundsAt(limit.period, nowMs).endMs;
}

function fraction({ spentMicroUsd, limit }: Standing): { spent: bigint; cap: bigint } {
  if (limit.capMicroUsd === 0) return { spent: 1n, cap: 1n };
  return { spent: BigInt(spentMicroUsd), cap: BigInt(limit.capMicroUsd) };
}
