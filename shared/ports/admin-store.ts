import type { CapScope, CapTable } from '../domain/cap.ts';
import type { Period } from '../domain/period.ts';
import type { Page } from './ledger.ts';

/** A spend limit as the admin API shows it. */
export interface SpendLimit {
  /** `spl_` and 32 hex digits; an upsert keeps it. */
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  /** Whole cents as a canonical decimal string ("7", never "007"); null: unlimited. */
  readonly amount: string | null;
  readonly currency: 'USD';
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface AuditRow {
  /** Ascending. */
  readonly id: number;
  readonly atMs: number;
  /** `admin-key:<id>` or `oidc:<sub>`. */
  readonly actor: string;
  readonly action: 'upsert' | 'delete';
  /** The id of the spend limit. */
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
  /** Used when the scope and period have no row yet. */
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  readonly amount: string | null;
}

/** Someone who was seen: as their last session said. */
export interface Person {
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
  readonly lastSeenMs: number;
}

/** Caps, their audit trail and the directory of people last seen. Same database as the ledger. */
export interface AdminStore extends AsyncDisposable {
  /** Upserts by (scope, period) and writes the audit row in the same transaction. */
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
  /** Drops audit rows and people older than the given instants. Returns how many rows went. */
  prune(before: { auditMs: number; peopleMs: number }): Promise<number>;
}
