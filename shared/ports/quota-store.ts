// The hot path's port: no retry, no wrapper. Every method is atomic and at most one round trip;
// calls may run concurrently. A store that cannot answer in time throws AppError `unavailable`.

import type { AccountId } from '../domain/account.ts';
import type { CapTable } from '../domain/cap.ts';
import type {
  AccountSpend,
  Admission,
  AdmitRequest,
  Correction,
  ExtendRequest,
  OutboxEntry,
  Reservation,
  Revocation,
  SessionRef,
  SettleRequest,
} from '../domain/quota.ts';

export interface QuotaStore extends AsyncDisposable {
  /**
   * Revoked? Caps current? Over a cap? Else places the reservation, in one step. Asked twice with
   * the same id it reserves once; after a settlement of that id it reserves nothing.
   */
  admit(request: AdmitRequest): Promise<Admission>;

  /**
   * Reservation → pending, and the event into the outbox, atomically. Works without a reservation
   * (it expired, or the admit was lost). `duplicate`: this id was settled before, nothing changed.
   */
  settle(request: SettleRequest): Promise<'settled' | 'duplicate'>;

  /** Drops the reservation: nothing was owed. Unknown ids are ignored. */
  release(id: string): Promise<void>;

  /** Keeps a reservation alive while its stream runs. `gone`: it expired or was settled. */
  extend(request: ExtendRequest): Promise<'extended' | 'gone'>;

  /**
   * The ledger has these events: pending → ledgered, outbox entries removed. Idempotent by id.
   * `uncounted` are ids the ledger had under another event (an orphan that was only slow): their
   * pending is dropped and nothing is added.
   */
  apply(ids: readonly string[], uncounted?: readonly string[]): Promise<void>;

  /**
   * Outbox entries settled at or before an instant, oldest first: the relay publishes them again.
   * `skip`: how many of the oldest to leave out; default none.
   */
  outbox(settledBeforeMs: number, limit: number, skip?: number): Promise<OutboxEntry[]>;

  /** Reservations whose expiry has passed: their data plane died. They stay until settled. */
  expired(nowMs: number, limit: number): Promise<Reservation[]>;

  /** True when the session is refused: for the routes that place no reservation. */
  isRevoked(session: SessionRef): Promise<boolean>;

  /** Refuses a session or a person's sessions from now on, on every data plane. */
  revoke(revocation: Revocation): Promise<void>;

  /** The current cap table. */
  caps(): Promise<CapTable>;

  /** Replaces the cap table. A table that is not newer is ignored. */
  publishCaps(table: CapTable): Promise<void>;

  /**
   * False where the store lost its memory, or never had one: until `markWhole`, `admit` and
   * `isRevoked` throw `unavailable`, for nobody could say who is revoked or what was spent. All
   * else works, so that nothing settled meanwhile is lost.
   */
  isWhole(): Promise<boolean>;

  /** Revocations, caps and the ledger's totals have been written: the store may answer again. */
  markWhole(): Promise<void>;

  /** Where accounts stand in the current buckets; an account never seen stands at zero. */
  spend(accounts: readonly AccountId[], nowMs: number): Promise<AccountSpend[]>;

  /**
   * Writes the ledger's totals, each read after the account's `sequence`. Exact where the account
   * stands still: nothing pending, nothing applied since. Else the counter is moved no further than
   * is certain: `ledgered + pending` is at least the total, and `ledgered` at most, where nothing was
   * applied since. Such corrections are answered, to be computed anew. Safe to repeat.
   */
  correct(corrections: readonly Correction[], nowMs: number): Promise<Correction[]>;
}
