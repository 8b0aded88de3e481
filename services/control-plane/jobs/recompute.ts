// The ledger's totals → the quota store: repairs drift and fills a store that lost its memory.
//
// The store is read before the ledger, so that it can tell by an account's sequence whether a total
// still says all. Where it does not, the counter is put within bounds (quota-reports.ts, correct): an
// account that never stands still, as everybody's budget, is never wrong by more than it has pending.

import type { Clock } from '#shared/domain/clock.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import type { Correction } from '#shared/domain/quota.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface RecomputeDeps {
  readonly ledger: Pick<Ledger, 'totals'>;
  readonly quota: QuotaStore;
  readonly clock: Clock;
  readonly log: Log;
}

const ACCOUNTS_PER_PAGE = 200;

/** Answers how many counters moved meanwhile and may still be inexact. */
export async function recomputeQuota(deps: RecomputeDeps, signal: AbortSignal): Promise<number> {
  const nowMs = deps.clock.now();
  const buckets = bucketsAt(nowMs);
  let after: string | null = null;
  let corrected = 0;
  let left = 0;
  do {
    const listed = await deps.ledger.totals(buckets, after, ACCOUNTS_PER_PAGE);
    const accounts = [...new Set(listed.rows.map(({ account }) => account))];
    const before = new Map(
      (await deps.quota.spend(accounts, nowMs)).map((at) => [`${at.account} ${at.period}`, at]),
    );
    const fresh = await deps.ledger.totals(buckets, after, ACCOUNTS_PER_PAGE);
    const corrections = fresh.rows.flatMap((total): Correction[] => {
      const at = before.get(`${total.account} ${total.period}`);
      if (at === undefined || at.ledgeredMicroUsd === total.amountMicroUsd) return [];
      const { account, period, bucket, amountMicroUsd } = total;
      return [{ account, period, bucket, ledgeredMicroUsd: amountMicroUsd, sequence: at.sequence }];
    });
    const moved = await deps.quota.correct(corrections, nowMs);
    corrected += corrections.length - moved.length;
    left += moved.length;
    after = listed.next;
  } while (after !== null && !signal.aborted);
  if (corrected + left > 0)
    deps.log.info('quota counters recomputed from the ledger', { corrected, left });
  return left;
}
