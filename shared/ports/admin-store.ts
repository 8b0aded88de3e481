import type { CapScope, CapTable } from '../domain/cap.ts';
import type { Period } from '../domain/period.ts';
import type { Page } from './ledger.ts';

/** A spend limit as the admin API shows it. */
export interface SpendLimit {
  /** `spl_` and 32 hex digits; an upsert keeps it. */
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  /** A family or a model that it is for; null: all. */
  readonly model: string | null;
  /** Whole cents as a canonical decimal string ("7", never "007"); null: unlimited. */
  readonly amount: string | null;
  readonly currency: 'USD';
  /** The budget that the scope's members share; null: none was ever set. */
  readonly pooledBudget: PooledBudget | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface PooledBudget {
  /** Whole cents, as `SpendLimit.amount`. */
  readonly amount: string;
  /** Neither counts nor blocks. */
  readonly paused: boolean;
}

export interface AuditRow {
  /** Ascending. */
  readonly id: number;
  readonly atMs: number;
  /** `admin-key:<id>` or `oidc:<sub>`. */
  readonly actor: string;
  readonly action: 'upsert' | 'delete' | 'erase';
  /** The id of the spend limit; of an erasure, the pseudonym. */
  readonly target: string;
  readonly reason: string | null;
  readonly before: SpendLimit | null;
  readonly after: SpendLimit | null;
}

export interface Actor {
  readonly actor: string;
  readonly reason: string | null;
  readonly atMs: number;
}

export interface CapUpsert {
  /** Used when the scope, period and model have no row yet. */
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  readonly model: string | null;
  /**
   * What the row is to say, given what it says. Pure: it may be called more than once. What it throws
   * is thrown, and nothing is written.
   */
  readonly change: (before: SpendLimit | null) => CapAmounts;
}

export type CapAmounts = Pick<SpendLimit, 'amount' | 'pooledBudget'>;

/** Someone who was seen: as their last session said. */
export interface Person {
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
  readonly lastSeenMs: number;
}

/** A threshold of a cap or a budget that was reached in a period. */
export interface Alert {
  /** One per limit, account, bucket and threshold: raised again it is the same. */
  readonly id: string;
  readonly atMs: number;
  /** The alert as it is told (`alert.v1`), JSON. */
  readonly body: string;
}

/** Caps, their audit trail and the directory of people last seen. Same database as the ledger. */
export interface AdminStore extends AsyncDisposable {
  /** Upserts by (scope, period, model) and writes the audit row in the same transaction. */
  upsertCap(cap: CapUpsert, by: Actor): Promise<{ before: SpendLimit | null; after: SpendLimit }>;
  /** Null: no such limit; then nothing is written. */
  deleteCap(id: string, by: Actor): Promise<SpendLimit | null>;
  cap(id: string): Promise<SpendLimit | null>;
  /** Ascending by creation. */
  caps(): Promise<SpendLimit[]>;
  /** What enforcement needs, with a version that grows with every change of a cap. */
  capTable(): Promise<CapTable>;
  /** Newest first. `afterId`: rows older than that one. */
  audit(afterId: number | null, limit: number): Promise<{ rows: AuditRow[]; hasMore: boolean }>;
  /** Writes down people seen; an older sighting never overwrites a newer one. */
  seen(people: readonly Person[]): Promise<void>;
  person(sub: string): Promise<Person | null>;
  /** Ascending by sub. */
  people(after: string | null, limit: number): Promise<Page<Person>>;
  /** Ascending by sub. Without regard to case; most often one or none. */
  peopleByEmail(email: string): Promise<Person[]>;
  /** Writes down the alerts that are new, as not yet sent. Returns those. */
  raiseAlerts(alerts: readonly Alert[]): Promise<Alert[]>;
  /** Not yet sent, oldest first. */
  unsentAlerts(limit: number): Promise<Alert[]>;
  /** Keeps their ids alone: a body may name a person. */
  markAlertsSent(ids: readonly string[]): Promise<void>;
  /**
   * Forgets a person: their row in the directory is deleted, their own caps and the audit trail name
   * the pseudonym instead. Writes an audit row. Safe to repeat. Returns how many rows it changed.
   */
  erase(sub: string, pseudonym: string, by: Actor): Promise<number>;
  /** Drops audit rows (and alerts), and people, older than the given instants. Returns how many rows went. */
  prune(before: { auditMs: number; peopleMs: number }): Promise<number>;
}
