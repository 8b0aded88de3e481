// What the control plane reads from a quota state and writes into it: relay, orphans, recompute.

import type { AccountId } from './account.ts';
import type { CapTable } from './cap.ts';
import { type MicroUsd, subtract, ZERO } from './money.ts';
import { bucketsAt, PERIODS } from './period.ts';
import type { AccountSpend, Correction, OutboxEntry, Reservation } from './quota.ts';
import { accountAt, type QuotaState } from './quota-state.ts';

/** @see QuotaStore.outbox */
export function outbox(
  state: QuotaState,
  settledBeforeMs: number,
  limit: number,
  skip = 0,
): OutboxEntry[] {
  const found: OutboxEntry[] = [];
  let left = skip;
  for (const entry of state.outbox.values()) {
    if (found.length >= limit) break;
    if (entry.settledAtMs > settledBeforeMs) continue;
    if (left > 0) left -= 1;
    else found.push(entry);
  }
  return found;
}

/** @see QuotaStore.expired */
export function expired(state: QuotaState, nowMs: number, limit: number): Reservation[] {
  const found: Reservation[] = [];
  for (const held of state.reservations.values()) {
    if (found.length >= limit) break;
    if (held.expiresAtMs <= nowMs) found.push(held);
  }
  return found;
}

/** @see QuotaStore.spend */
export function spend(
  state: QuotaState,
  accounts: readonly AccountId[],
  nowMs: number,
): AccountSpend[] {
  const buckets = bucketsAt(nowMs);
  return accounts.flatMap((account) => {
    const at = accountAt(state, account, buckets);
    return PERIODS.map((period) => ({
      account,
      period,
      bucket: at.counters[period].bucket,
      ledgeredMicroUsd: at.counters[period].ledgered,
      pendingMicroUsd: at.counters[period].pending,
      reservedMicroUsd: at.reserved,
      sequence: at.sequence,
    }));
  });
}

/**
 * An event is in the ledger before it is applied, and (but for a data plane that could not reach the
 * store) pending before it is in the ledger. So whatever moves meanwhile, `ledgered` belongs between
 * `total - pending` and, as long as nothing was applied since the sequence was read, `total`; a
 * counter that is right is within and stays. At rest both ends meet.
 *
 * @see QuotaStore.correct
 */
export function correct(
  state: QuotaState,
  corrections: readonly Correction[],
  nowMs: number,
): Correction[] {
  const buckets = bucketsAt(nowMs);
  const left: Correction[] = [];
  for (const correction of corrections) {
    const account = accountAt(state, correction.account, buckets);
    const counter = account.counters[correction.period];
    const isStill = account.sequence === correction.sequence;
    if (!isStill || counter.pending !== ZERO) left.push(correction);
    if (counter.bucket !== correction.bucket) continue;
    const total = correction.ledgeredMicroUsd;
    const raised = Math.max(counter.ledgered, subtract(total, counter.pending)) as MicroUsd;
    counter.ledgered = isStill ? (Math.min(raised, total) as MicroUsd) : raised;
  }
  return left;
}

/** @see QuotaStore.publishCaps */
export function publishCaps(state: QuotaState, table: CapTable): void {
  if (table.version > state.caps.version) state.caps = table;
}

/** Forgets orphans that nobody can settle any more. */
export function forgetOrphans(state: QuotaState, nowMs: number): void {
  for (const [id, untilMs] of state.orphaned) if (untilMs <= nowMs) state.orphaned.delete(id);
}
