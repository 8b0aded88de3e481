// What a batch of events counted against, with what is spent of it.

import type { AccountId } from '#shared/domain/account.ts';
import type { CapIndex, GroupLimitMode } from '#shared/domain/cap.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import {
  type LimitSpend,
  type WatchedLimit,
  watchedBudgets,
  watchedCaps,
} from '#shared/domain/threshold.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { spendNow, spendThen } from './limit-spend.ts';
import type { Spender } from './render-alert.ts';

/** `spender`: of a cap; a budget is of nobody alone. */
export type Watched = LimitSpend & { readonly spender: Spender | null };

export interface WatchedDeps {
  readonly quota: Pick<QuotaStore, 'spend'>;
  readonly ledger: Pick<Ledger, 'spendOf'>;
  readonly settings: () => { readonly groupLimitMode: GroupLimitMode };
  readonly clock: Clock;
}

export async function watchedOf(
  deps: WatchedDeps,
  index: CapIndex,
  events: readonly UsageEvent[],
): Promise<Watched[]> {
  const nowMs = deps.clock.now();
  const current = bucketsAt(nowMs);
  const { groupLimitMode } = deps.settings();
  const now = new Map<string, WatchedLimit>();
  const late = new Map<string, { readonly limit: WatchedLimit; readonly atMs: number }>();
  const spenders = new Map<WatchedLimit, Spender>();
  for (const event of events) {
    const buckets = bucketsAt(event.timeMs);
    for (const limit of limitsOf(index, event, groupLimitMode)) {
      const { kind, period, account } = limit;
      const key = JSON.stringify([kind, account, limit.id, buckets[period]]);
      if (kind === 'cap') spenders.set(limit, event);
      if (buckets[period] === current[period]) now.set(key, limit);
      else late.set(key, { limit, atMs: event.timeMs });
    }
  }
  const spent = await spendNow(deps.quota, [...now.values()], nowMs);
  const days = Map.groupBy(late.values(), ({ atMs }) => bucketsAt(atMs).daily);
  for (const group of days.values()) {
    const limits = group.map(({ limit }) => limit);
    spent.push(...(await spendThen(deps.ledger, limits, group[0]?.atMs ?? nowMs)));
  }
  return withSpender(spent, spenders);
}

/** The caps of the person, and the budgets of the accounts that the event was charged to. */
function limitsOf(index: CapIndex, event: UsageEvent, mode: GroupLimitMode): WatchedLimit[] {
  const models = event.accounts.flatMap((account) => modelOf(account) ?? []);
  return [
    ...watchedCaps(index, event, models, mode),
    ...event.accounts.flatMap((account) => watchedBudgets(index, account)),
  ];
}

/** Of `model:<model>:user:<sub>`. */
function modelOf(account: AccountId): string | null {
  return account.startsWith('model:') ? (account.split(':')[1] ?? null) : null;
}

export function withSpender(
  spent: readonly LimitSpend[],
  spenders: ReadonlyMap<WatchedLimit, Spender>,
): Watched[] {
  return spent.map((at) => ({ ...at, spender: spenders.get(at.limit) ?? null }));
}
