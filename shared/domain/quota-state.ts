// What a quota store knows. Per account and period the current bucket has `ledgered` (the ledger
// counted it) and `pending` (settled, not yet in the ledger); per account `reserved` sums what is in
// flight. A bucket that is newer resets its period; an older one is ignored, so that a slow clock can
// never flip a period back.

import type { AccountId } from './account.ts';
import type { CapTable } from './cap.ts';
import { add, type MicroUsd, ZERO } from './money.ts';
import { type Buckets, PERIODS, type Period } from './period.ts';
import { EMPTY_CAPS, type OutboxEntry, type Reservation } from './quota.ts';
import type { Revocations } from './revocation.ts';

interface Counter {
  bucket: string;
  ledgered: MicroUsd;
  pending: MicroUsd;
}

export interface AccountState {
  readonly counters: Record<Period, Counter>;
  reserved: MicroUsd;
  sequence: number;
}

export interface QuotaState extends Revocations {
  caps: CapTable;
  readonly accounts: Map<AccountId, AccountState>;
  readonly reservations: Map<string, Reservation>;
  readonly outbox: Map<string, OutboxEntry>;
  /** Ids that an orphan sweep settled, and until when a late settlement of them is refused. */
  readonly orphaned: Map<string, number>;
}

export function emptyQuotaState(): QuotaState {
  return {
    caps: EMPTY_CAPS,
    accounts: new Map(),
    reservations: new Map(),
    outbox: new Map(),
    orphaned: new Map(),
    sessions: new Map(),
    subjects: new Map(),
  };
}

/** The account with its periods rolled forward to the given buckets, never back. */
export function accountAt(state: QuotaState, id: AccountId, buckets: Buckets): AccountState {
  const known = state.accounts.get(id);
  if (known === undefined) {
    const fresh: AccountState = {
      counters: {
        daily: freshCounter(buckets.daily),
        weekly: freshCounter(buckets.weekly),
        monthly: freshCounter(buckets.monthly),
      },
      reserved: ZERO,
      sequence: 0,
    };
    state.accounts.set(id, fresh);
    return fresh;
  }
  for (const period of PERIODS) {
    const counter = known.counters[period];
    // Bucket names sort as their times do.
    if (buckets[period] > counter.bucket) Object.assign(counter, freshCounter(buckets[period]));
  }
  return known;
}

export function changeReserved(
  state: QuotaState,
  accounts: readonly AccountId[],
  change: (reserved: MicroUsd) => MicroUsd,
): void {
  for (const id of accounts) {
    const account = state.accounts.get(id);
    if (account !== undefined) account.reserved = change(account.reserved);
  }
}

export function chargePending(account: AccountState, buckets: Buckets, amount: MicroUsd): void {
  for (const period of PERIODS) {
    const counter = account.counters[period];
    if (counter.bucket === buckets[period]) counter.pending = add(counter.pending, amount);
  }
}

function freshCounter(bucket: string): Counter {
  return { bucket, ledgered: ZERO, pending: ZERO };
}
