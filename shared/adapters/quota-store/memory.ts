// The quota store of a single process: the state machine of shared/domain, and, when it is given a
// journal, reservations and outbox that survive the process. Counters are not journalled: `pending`
// is rebuilt from the outbox, `ledgered` by the control plane's recompute from the ledger.
//
// Cost: a Map lookup per account and limit, and one write of the journal shared by all calls of a turn.

import type { Clock } from '#shared/domain/clock.ts';
import type { OutboxEntry, Reservation } from '#shared/domain/quota.ts';
import * as machine from '#shared/domain/quota-machine.ts';
import * as reports from '#shared/domain/quota-reports.ts';
import { emptyQuotaState } from '#shared/domain/quota-state.ts';
import { forgetRevocations, isRevoked, revoke } from '#shared/domain/revocation.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';

export interface QuotaJournal extends AsyncDisposable {
  load(): { reservations: Reservation[]; outbox: OutboxEntry[] };
  /** Resolves when the change is durable. */
  write(change: JournalChange): Promise<void>;
}

/** What one call changed: rows to put and ids to drop. */
export interface JournalChange {
  readonly putReservation?: Reservation;
  readonly dropReservation?: string;
  readonly putOutbox?: OutboxEntry;
  readonly dropOutbox?: readonly string[];
}

export interface MemoryQuotaStoreOptions {
  readonly clock: Clock;
  readonly journal?: QuotaJournal;
}

export function openMemoryQuotaStore({ clock, journal }: MemoryQuotaStoreOptions): QuotaStore {
  const state = emptyQuotaState();
  let open = true;
  let whole = false;
  if (journal !== undefined) restore(journal);

  /** What the journal holds belongs to a process that is gone: its reservations have expired. */
  function restore(from: QuotaJournal): void {
    const { reservations, outbox } = from.load();
    for (const entry of outbox) {
      machine.settle(state, { ...entry, nowMs: entry.settledAtMs });
    }
    for (const held of reservations) {
      state.reservations.set(held.id, { ...held, expiresAtMs: 0 });
    }
  }

  function assertOpen(): void {
    if (!open) throw new AppError('unavailable', 'The quota store is closed.');
  }

  function assertWhole(): void {
    assertOpen();
    if (whole) return;
    throw new AppError('unavailable', 'The quota store is not restored yet.');
  }

  async function write(change: JournalChange): Promise<void> {
    if (journal !== undefined) await journal.write(change);
  }

  return {
    async admit(request) {
      assertWhole();
      const known = state.reservations.has(request.id);
      const admission = machine.admit(state, request);
      const placed = known ? undefined : state.reservations.get(request.id);
      if (placed !== undefined) await write({ putReservation: placed });
      return admission;
    },

    async settle(request) {
      assertOpen();
      const answer = machine.settle(state, request);
      const entry = state.outbox.get(request.id);
      if (answer === 'settled' && entry !== undefined) {
        await write({ dropReservation: request.id, putOutbox: entry });
      }
      return answer;
    },

    async release(id) {
      assertOpen();
      if (!state.reservations.has(id)) return;
      machine.release(state, id);
      await write({ dropReservation: id });
    },

    async extend(request) {
      assertOpen();
      const answer = machine.extend(state, request);
      const held = state.reservations.get(request.id);
      if (answer === 'extended' && held !== undefined) await write({ putReservation: held });
      return answer;
    },

    async apply(ids, uncounted = []) {
      assertOpen();
      const dropOutbox = [...ids, ...uncounted].filter((id) => state.outbox.has(id));
      machine.apply(state, ids, uncounted);
      if (dropOutbox.length > 0) await write({ dropOutbox });
    },

    async outbox(settledBeforeMs, limit, skip) {
      assertOpen();
      return reports.outbox(state, settledBeforeMs, limit, skip);
    },

    async expired(nowMs, limit) {
      assertOpen();
      reports.forgetOrphans(state, nowMs);
      forgetRevocations(state, nowMs);
      return reports.expired(state, nowMs, limit);
    },

    async isRevoked(session) {
      assertWhole();
      return isRevoked(state, session, clock.now());
    },

    async revoke(revocation) {
      assertOpen();
      revoke(state, revocation);
    },

    async caps() {
      assertOpen();
      return state.caps;
    },

    async publishCaps(table) {
      assertOpen();
      reports.publishCaps(state, table);
    },

    async isWhole() {
      assertOpen();
      return whole;
    },

    async markWhole() {
      assertOpen();
      whole = true;
    },

    async spend(accounts, nowMs) {
      assertOpen();
      return reports.spend(state, accounts, nowMs);
    },

    async correct(corrections, nowMs) {
      assertOpen();
      return reports.correct(state, corrections, nowMs);
    },

    async [Symbol.asyncDispose]() {
      open = false;
      await journal?.[Symbol.asyncDispose]();
    },
  };
}
