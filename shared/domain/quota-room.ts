// How much room limits leave, and which of several budgets takes a request. Mirrored by admit.lua.

import type { AccountId } from './account.ts';
import { add } from './money.ts';
import type { Buckets } from './period.ts';
import type { AdmitRequest, Limit, Pool, Standing } from './quota.ts';
import { accountAt, type QuotaState } from './quota-state.ts';

/** Limits of one kind and what they leave; both are +∞ where there are none. */
export interface Room {
  readonly standings: readonly Standing[];
  /** `cap - spent` of the tightest. Spent is what has nothing of it left. */
  readonly unspent: number;
  /** `cap - spent - reserved` of the tightest. Spoken for is what has none, and is not spent. */
  readonly left: number;
}

export interface PoolRoom extends Room {
  readonly account: AccountId;
}

export function roomOf(state: QuotaState, limits: readonly Limit[], buckets: Buckets): Room {
  const standings = limits.map((limit): Standing => {
    const account = accountAt(state, limit.account, buckets);
    const { ledgered, pending } = account.counters[limit.period];
    const spentMicroUsd = add(ledgered, pending);
    return { limit, spentMicroUsd, reservedMicroUsd: account.reserved };
  });
  return roomWithin(standings);
}

/** The room of limits of which it is known where their accounts stand. */
export function roomWithin(standings: readonly Standing[]): Room {
  let unspent = Number.POSITIVE_INFINITY;
  let left = Number.POSITIVE_INFINITY;
  for (const { limit, spentMicroUsd, reservedMicroUsd } of standings) {
    unspent = Math.min(unspent, limit.capMicroUsd - spentMicroUsd);
    left = Math.min(left, limit.capMicroUsd - spentMicroUsd - reservedMicroUsd);
  }
  return { standings, unspent, left };
}

export function poolRooms(
  state: QuotaState,
  pools: readonly Pool[],
  buckets: Buckets,
): readonly PoolRoom[] {
  return pools.map(({ account, limits }) => ({ account, ...roomOf(state, limits, buckets) }));
}

/** The first of those with most left; where every one is spent, of those least overspent. */
export function choosePool(pools: readonly PoolRoom[]): PoolRoom | null {
  let best: PoolRoom | null = null;
  for (const pool of pools) if (best === null || isBetter(pool, best)) best = pool;
  return best;
}

/** The one that a reservation of before is charged to. */
export function heldPool(
  state: QuotaState,
  { id }: Pick<AdmitRequest, 'id'>,
  pools: readonly PoolRoom[],
): PoolRoom | null {
  const held = state.reservations.get(id);
  return pools.find(({ account }) => held?.accounts.includes(account) === true) ?? null;
}

export function isSpent({ limit, spentMicroUsd }: Standing): boolean {
  return spentMicroUsd >= limit.capMicroUsd;
}

function isBetter(a: Room, b: Room): boolean {
  if (a.unspent > 0 !== b.unspent > 0) return a.unspent > 0;
  return a.unspent > 0 ? a.left > b.left : a.unspent > b.unspent;
}
