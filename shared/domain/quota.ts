// The words of the quota arithmetic: what is asked of a quota store and what it answers. The rules
// are in quota-machine.ts; the Redis scripts mirror them.

import type { AccountId } from './account.ts';
import type { CapTable } from './cap.ts';
import type { MicroUsd } from './money.ts';
import type { Period } from './period.ts';

/** A cap that a request must fit under: one period of one account. */
export interface Limit {
  readonly capId: string;
  readonly account: AccountId;
  readonly period: Period;
  readonly capMicroUsd: MicroUsd;
}

/** A budget of one group, with its limits of one or more periods. */
export interface Pool {
  readonly account: AccountId;
  readonly limits: readonly Limit[];
}

/** A limit and where the account stands against it, before the request that asks. */
export interface Standing {
  readonly limit: Limit;
  /** `ledgered + pending` of the current bucket. */
  readonly spentMicroUsd: MicroUsd;
  readonly reservedMicroUsd: MicroUsd;
}

export interface SessionRef {
  readonly sub: string;
  readonly sessionId: string | null;
  readonly issuedAtMs: number;
}

export interface AdmitRequest {
  /** UUIDv7; reservation, usage event and idempotency key in one. */
  readonly id: string;
  readonly nowMs: number;
  readonly session: SessionRef;
  /** The version of the cap table that `limits` came from. */
  readonly capsVersion: number;
  /** The accounts that the reservation and later the charge go to. */
  readonly accounts: readonly AccountId[];
  readonly limits: readonly Limit[];
  /**
   * Budgets of which one takes the charge, ascending by account: the one with most left, among equals
   * the first. Its account is reserved and charged beside `accounts`. None: no group has a budget.
   */
  readonly pools: readonly Pool[];
  /** 0 where `enforcement.reservation` is `none`: still tracked, so that a death is noticed. */
  readonly reserveMicroUsd: MicroUsd;
  readonly reserveUntilMs: number;
  /** An opaque text (a usage event as far as it is known) that an orphan is billed from. */
  readonly draft: string;
}

/** A denial is an answer, not an error. */
export type Admission =
  | {
      readonly outcome: 'admitted';
      /** Of `limits`, then of the pool that takes the charge. */
      readonly standings: readonly Standing[];
      /**
       * The pool that takes the charge: its account belongs to the event's. Asked again with the same
       * id it is the one that the reservation has; null once that was settled.
       */
      readonly pool: AccountId | null;
    }
  /**
   * Some `spent >= cap`. `breached` has those of `limits`; only where none of these is, and every pool
   * is spent, those of the pool that is the least overspent; `standings` has the pool's then too.
   */
  | {
      readonly outcome: 'blocked';
      readonly standings: readonly Standing[];
      readonly breached: readonly Standing[];
    }
  /**
   * Not spent but spoken for: some `spent + reserved >= cap` of `limits` or of the pool with most
   * left, with something reserved. An idle person is never busy by their own accounts; they may be by
   * a shared one, for as long as what others have in flight there.
   */
  | { readonly outcome: 'busy'; readonly standings: readonly Standing[] }
  | { readonly outcome: 'revoked' }
  /** The caller's cap table is old; read the table again and ask again. */
  | { readonly outcome: 'stale'; readonly capsVersion: number };

export interface SettleRequest {
  readonly id: string;
  readonly nowMs: number;
  /** The instant whose buckets are charged: when the request was admitted. */
  readonly chargedAtMs: number;
  readonly accounts: readonly AccountId[];
  readonly amountMicroUsd: MicroUsd;
  /** The usage event, serialised: what the outbox keeps until the ledger has it. */
  readonly event: string;
  /** An orphan's settlement: a later one of the same id by a process that was only slow is refused. */
  readonly orphan?: boolean;
}

export interface ExtendRequest {
  readonly id: string;
  readonly reserveUntilMs: number;
  /** What the stream is known to cost so far; a reservation never shrinks. */
  readonly amountMicroUsd: MicroUsd;
  readonly draft: string;
}

export interface Reservation {
  readonly id: string;
  readonly accounts: readonly AccountId[];
  readonly amountMicroUsd: MicroUsd;
  readonly expiresAtMs: number;
  readonly draft: string;
}

export interface OutboxEntry {
  readonly id: string;
  readonly accounts: readonly AccountId[];
  readonly amountMicroUsd: MicroUsd;
  readonly chargedAtMs: number;
  readonly settledAtMs: number;
  readonly event: string;
}

/** A session, or everything that a person signed in to before an instant. */
export type Revocation =
  | { readonly type: 'session'; readonly sessionId: string; readonly untilMs: number }
  | {
      readonly type: 'subject';
      readonly sub: string;
      /** Sessions issued at or before this instant are refused. */
      readonly issuedBeforeMs: number;
      readonly untilMs: number;
    };

/** What an account has spent in a bucket, and the guard for correcting it. */
export interface AccountSpend {
  readonly account: AccountId;
  readonly period: Period;
  readonly bucket: string;
  readonly ledgeredMicroUsd: MicroUsd;
  readonly pendingMicroUsd: MicroUsd;
  readonly reservedMicroUsd: MicroUsd;
  /** Grows with every apply to the account; a correction names the one read before its total. */
  readonly sequence: number;
}

/** The ledger's total of one bucket, against which `ledgered` is put right. */
export interface Correction {
  readonly account: AccountId;
  readonly period: Period;
  readonly bucket: string;
  readonly ledgeredMicroUsd: MicroUsd;
  readonly sequence: number;
}

export const EMPTY_CAPS: CapTable = { version: 0, caps: [], budgets: [] };
