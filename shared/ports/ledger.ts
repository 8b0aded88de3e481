import type { AccountId } from '../domain/account.ts';
import type { MicroUsd } from '../domain/money.ts';
import type { Buckets, Period } from '../domain/period.ts';
import type { UsageEvent } from '../domain/usage-event.ts';

export interface RecordResult {
  /** Ids counted by this call. */
  readonly recorded: readonly string[];
  /** Ids the ledger had already; nothing was counted for them. */
  readonly duplicates: readonly string[];
}

export interface AccountTotal {
  readonly account: AccountId;
  readonly period: Period;
  readonly bucket: string;
  readonly amountMicroUsd: MicroUsd;
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** Pass as `after` for the next page; null at the end. */
  readonly next: string | null;
}

/** One person's use of one model on one day. */
export interface DailyRollup {
  readonly day: string;
  readonly sub: string;
  readonly servedModel: string;
  readonly upstream: string;
  readonly events: number;
  readonly estimatedEvents: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly costMicroUsd: MicroUsd;
}

/**
 * The book of record. `record` is atomic per call (per 400 events in Firestore: a call that fails is
 * repeated as a whole) and exact under concurrent writers and repeated batches: an event id counts
 * once, whatever is redelivered. Counters never shrink by retention.
 */
export interface Ledger extends AsyncDisposable {
  record(events: readonly UsageEvent[]): Promise<RecordResult>;
  /** The events of the given ids that are in the ledger, in no order. */
  events(ids: readonly string[]): Promise<UsageEvent[]>;
  /** Totals of one person for the given buckets; zero where nothing was spent. */
  spendOf(account: AccountId, buckets: Buckets): Promise<Record<Period, MicroUsd>>;
  /** All totals of the given buckets, ascending by account, `limit` accounts a page. */
  totals(buckets: Buckets, after: string | null, limit: number): Promise<Page<AccountTotal>>;
  /** Rollups of the days `from` to `to` (inclusive, `2026-11-24`), ascending. */
  rollups(from: string, to: string): Promise<DailyRollup[]>;
  /** Drops single events older than an instant; counters and rollups stay. Returns how many. */
  prune(beforeMs: number): Promise<number>;
}
