import type { AccountId } from '../domain/account.ts';
import type { MicroUsd } from '../domain/money.ts';
import type { Buckets, Period } from '../domain/period.ts';
import type { UsageEvent } from '../domain/usage-event.ts';
import type { UsageFigures } from '../domain/usage-summary.ts';

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

/** One person's use of one model on one day, for one billing group and one set of groups. */
export interface DailyRollup extends UsageFigures {
  readonly day: string;
  readonly sub: string;
  /** The person's groups as the session said, ascending. */
  readonly groups: readonly string[];
  readonly billingGroup: string | null;
  readonly servedModel: string;
  readonly upstream: string;
}

/**
 * A later word on what an event cost. The event stays as it was; the counters and rollups of the
 * event's own periods take the difference.
 */
export interface CostCorrection {
  /** The same correction has the same id: posted twice it counts once. */
  readonly id: string;
  readonly eventId: string;
  /** Added to what the event cost so far; may be negative. */
  readonly amountMicroUsd: MicroUsd;
  readonly priceBook: string;
  readonly priceRow: string;
  readonly postedAtMs: number;
  /** `admin-key:<id>`, `oidc:<sub>` or `cli`. */
  readonly actor: string;
  readonly reason: string | null;
}

/**
 * The book of record. `record` is atomic per call (per 400 events in Firestore: a call that fails is
 * repeated as a whole) and exact under concurrent writers and repeated batches: an event id counts
 * once, whatever is redelivered. It counts for each of the event's accounts. Counters never shrink by
 * retention.
 */
export interface Ledger extends AsyncDisposable {
  record(events: readonly UsageEvent[]): Promise<RecordResult>;
  /** The events of the given ids that are in the ledger, in no order. */
  events(ids: readonly string[]): Promise<UsageEvent[]>;
  /** Events admitted in `[fromMs, toMs)`, ascending by time and id. */
  eventsBetween(
    fromMs: number,
    toMs: number,
    after: string | null,
    limit: number,
  ): Promise<Page<UsageEvent>>;
  /**
   * Posts corrections, atomically per call (at most 100) and once per id. Those whose event the
   * ledger does not have are `unknown`, and nothing is counted for them.
   */
  correct(
    corrections: readonly CostCorrection[],
  ): Promise<RecordResult & { readonly unknown: readonly string[] }>;
  /** All corrections of the given events, in the order in which they were posted. */
  corrections(eventIds: readonly string[]): Promise<CostCorrection[]>;
  /**
   * Puts a pseudonym in the place of a person: in events (which lose email and name), counters and
   * rollups. No total changes. Safe to repeat after a failure. Returns how many events were changed.
   */
  erase(sub: string, pseudonym: string): Promise<number>;
  /** Totals of one account for the given buckets; zero where nothing was spent. */
  spendOf(account: AccountId, buckets: Buckets): Promise<Record<Period, MicroUsd>>;
  /** All totals of the given buckets, ascending by account, `limit` accounts a page. */
  totals(buckets: Buckets, after: string | null, limit: number): Promise<Page<AccountTotal>>;
  /** Rollups of the days `from` to `to` (inclusive, `2026-11-24`), ascending. */
  rollups(from: string, to: string): Promise<DailyRollup[]>;
  /** Drops single events older than an instant; counters and rollups stay. Returns how many. */
  prune(beforeMs: number): Promise<number>;
}
