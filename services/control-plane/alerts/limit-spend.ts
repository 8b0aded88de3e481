// How much of a limit is spent. What belongs to the current buckets is read from the quota store in
// one call, as enforcement counts it; what came late, after its day or month was over, from the ledger.

import { add, type MicroUsd } from '#shared/domain/money.ts';
import { boundsAt, bucketsAt, type Period } from '#shared/domain/period.ts';
import type { LimitSpend, WatchedLimit } from '#shared/domain/threshold.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';

/** Every limit as it stands now. */
export async function spendNow(
  quota: Pick<QuotaStore, 'spend'>,
  limits: readonly WatchedLimit[],
  nowMs: number,
): Promise<LimitSpend[]> {
  if (limits.length === 0) return [];
  const accounts = [...new Set(limits.map(({ account }) => account))];
  const buckets = bucketsAt(nowMs);
  const spent = new Map<string, MicroUsd>();
  for (const row of await quota.spend(accounts, nowMs)) {
    // A store whose clock is ahead counts for a bucket that is not ours.
    if (row.bucket !== buckets[row.period]) continue;
    spent.set(keyOf(row), add(row.ledgeredMicroUsd, row.pendingMicroUsd));
  }
  return limits.flatMap((limit) => standing(limit, nowMs, spent.get(keyOf(limit))));
}

/** As they stood at the end of the buckets of an instant in the past. */
export async function spendThen(
  ledger: Pick<Ledger, 'spendOf'>,
  limits: readonly WatchedLimit[],
  thenMs: number,
): Promise<LimitSpend[]> {
  const accounts = [...new Set(limits.map(({ account }) => account))];
  const buckets = bucketsAt(thenMs);
  const totals = await Promise.all(accounts.map((account) => ledger.spendOf(account, buckets)));
  return limits.flatMap((limit) =>
    standing(limit, thenMs, totals[accounts.indexOf(limit.account)]?.[limit.period]),
  );
}

function standing(
  limit: WatchedLimit,
  atMs: number,
  spentMicroUsd: MicroUsd | undefined,
): LimitSpend[] {
  if (spentMicroUsd === undefined) return [];
  const bucket = bucketsAt(atMs)[limit.period];
  const resetsAtMs = boundsAt(limit.period, atMs).endMs;
  return [{ limit, bucket, resetsAtMs, spentMicroUsd }];
}

function keyOf({ account, period }: { account: string; period: Period }): string {
  return `${period} ${account}`;
}
