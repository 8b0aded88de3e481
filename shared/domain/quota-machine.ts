// The quota arithmetic as a state machine: deterministic, no I/O, time is an argument. Each function
// changes only the state it is given, whole or not at all. The Redis scripts mirror these functions.

import { add, type MicroUsd, subtract } from './money.ts';
import { bucketsAt, PERIODS } from './period.ts';
import type { Admission, AdmitRequest, ExtendRequest, SettleRequest, Standing } from './quota.ts';
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
  const standings = request.limits.map((limit): Standing => {
    const account = accountAt(state, limit.account, bucketsAt(request.nowMs));
    const { ledgered, pending } = account.counters[limit.period];
    const spentMicroUsd = add(ledgered, pending);
    return { limit, spentMicroUsd, reservedMicroUsd: account.reserved };
  });
  const breached = standings.filter((at) => at.spentMicroUsd >= at.limit.capMicroUsd);
  if (breached.length > 0) return { outcome: 'blocked', standings, breached };
  if (!isKnown(state, request.id)) {
    if (standings.some(isSpokenFor)) return { outcome: 'busy', standings };
    reserve(state, request);
  }
  return { outcome: 'admitted', standings };
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

// Only where something is in flight: an idle person is never refused, so no cap can deadlock.
function isSpokenFor({ limit, spentMicroUsd, reservedMicroUsd }: Standing): boolean {
  return reservedMicroUsd > 0 && spentMicroUsd + reservedMicroUsd >= limit.capMicroUsd;
}

function reserve(state: QuotaState, request: AdmitRequest): void {
  const { id, accounts, reserveMicroUsd, reserveUntilMs, draft, nowMs } = request;
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
