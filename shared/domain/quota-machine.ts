// The quota arithmetic as a state machine: deterministic, no I/O, time is an argument. Each function
// changes only the state it is given, whole or not at all. The Redis scripts mirror these functions.

import { add, type MicroUsd, subtract } from './money.ts';
import { bucketsAt, PERIODS } from './period.ts';
import type { Admission, AdmitRequest, ExtendRequest, SettleRequest, Standing } from './quota.ts';
import {
  choosePool,
  heldPool,
  isSpent,
  type PoolRoom,
  poolRooms,
  type Room,
  roomOf,
} from './quota-room.ts';
import { accountAt, changeReserved, chargePending, type QuotaState } from './quota-state.ts';
import { isRevoked } from './revocation.ts';

/** How long a process may have been frozen and still be refused a second settlement. */
export const ORPHAN_MEMORY_MS = 86_400_000;

/** @see QuotaStore.admit */
export function admit(state: QuotaState, request: AdmitRequest): Admission {
  if (isRevoked(state, request.session, request.nowMs)) return { outcome: 'revoked' };
  if (request.capsVersion !== state.caps.version) {
    return { outcome: 'stale', capsVersion: state.caps.version };
  }
  const buckets = bucketsAt(request.nowMs);
  const own = roomOf(state, request.limits, buckets);
  if (own.unspent <= 0) return blocked(own.standings);
  const pools = poolRooms(state, request.pools, buckets);
  const chosen = choosePool(pools);
  const standings = [...own.standings, ...(chosen?.standings ?? [])];
  if (chosen !== null && chosen.unspent <= 0) return blocked(standings);
  if (isKnown(state, request.id)) return admitted(own, heldPool(state, request, pools));
  // What is not spent and has nothing left is reserved: nobody waits for what nobody does. A person's
  // own accounts reserve their own requests, so an idle person is refused by none of these; a shared
  // one may reserve others', and those end too.
  if (own.left <= 0 || (chosen !== null && chosen.left <= 0)) return { outcome: 'busy', standings };
  reserve(state, request, chosen);
  return admitted(own, chosen);
}

/** @see QuotaStore.settle */
export function settle(state: QuotaState, request: SettleRequest): 'settled' | 'duplicate' {
  const { id, accounts, amountMicroUsd, chargedAtMs, event, nowMs } = request;
  if (state.outbox.has(id) || (state.orphaned.get(id) ?? 0) > nowMs) return 'duplicate';
  release(state, id);
  const buckets = bucketsAt(chargedAtMs);
  for (const account of accounts) {
    chargePending(accountAt(state, account, buckets), buckets, amountMicroUsd);
  }
  state.outbox.set(id, { id, accounts, amountMicroUsd, chargedAtMs, settledAtMs: nowMs, event });
  if (request.orphan === true) state.orphaned.set(id, nowMs + ORPHAN_MEMORY_MS);
  return 'settled';
}

/** @see QuotaStore.release */
export function release(state: QuotaState, id: string): void {
  const held = state.reservations.get(id);
  if (held === undefined) return;
  state.reservations.delete(id);
  changeReserved(state, held.accounts, (reserved) => subtract(reserved, held.amountMicroUsd));
}

/** @see QuotaStore.extend */
export function extend(state: QuotaState, request: ExtendRequest): 'extended' | 'gone' {
  const held = state.reservations.get(request.id);
  if (held === undefined) return 'gone';
  const grown = Math.max(held.amountMicroUsd, request.amountMicroUsd) as MicroUsd;
  const growth = subtract(grown, held.amountMicroUsd);
  changeReserved(state, held.accounts, (reserved) => add(reserved, growth));
  state.reservations.set(request.id, {
    ...held,
    amountMicroUsd: grown,
    expiresAtMs: Math.max(held.expiresAtMs, request.reserveUntilMs),
    draft: request.draft,
  });
  return 'extended';
}

/** @see QuotaStore.apply */
export function apply(
  state: QuotaState,
  ids: readonly string[],
  uncounted: readonly string[] = [],
): void {
  for (const id of ids) moveToLedgered(state, id, true);
  for (const id of uncounted) moveToLedgered(state, id, false);
}

function isKnown(state: QuotaState, id: string): boolean {
  return state.reservations.has(id) || state.outbox.has(id) || state.orphaned.has(id);
}

function blocked(standings: readonly Standing[]): Admission {
  return { outcome: 'blocked', standings, breached: standings.filter(isSpent) };
}

function admitted(own: Room, pool: PoolRoom | null): Admission {
  const standings = [...own.standings, ...(pool?.standings ?? [])];
  return { outcome: 'admitted', standings, pool: pool?.account ?? null };
}

function reserve(state: QuotaState, request: AdmitRequest, pool: PoolRoom | null): void {
  const { id, reserveMicroUsd, reserveUntilMs, draft, nowMs } = request;
  const accounts = pool === null ? request.accounts : [...request.accounts, pool.account];
  const buckets = bucketsAt(nowMs);
  for (const account of accounts) accountAt(state, account, buckets);
  changeReserved(state, accounts, (reserved) => add(reserved, reserveMicroUsd));
  state.reservations.set(id, {
    id,
    accounts,
    amountMicroUsd: reserveMicroUsd,
    expiresAtMs: reserveUntilMs,
    draft,
  });
}

function moveToLedgered(state: QuotaState, id: string, counted: boolean): void {
  const entry = state.outbox.get(id);
  if (entry === undefined) return;
  state.outbox.delete(id);
  const buckets = bucketsAt(entry.chargedAtMs);
  for (const accountId of entry.accounts) {
    const account = accountAt(state, accountId, buckets);
    account.sequence += 1;
    for (const period of PERIODS) {
      const counter = account.counters[period];
      if (counter.bucket !== buckets[period]) continue;
      counter.pending = subtract(counter.pending, entry.amountMicroUsd);
      if (counted) counter.ledgered = add(counter.ledgered, entry.amountMicroUsd);
    }
  }
}
