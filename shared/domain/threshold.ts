// Which thresholds of a cap or a budget are reached. Pure; the arithmetic is exact.
//
// A threshold is told once per limit, account and bucket. The amount is a part of that: a cap that
// was raised because it was spent must be able to say that it is nearly spent again, so a changed
// amount is a limit of its own, and what is reached under it is told anew.

import type { AccountId } from './account.ts';
import { modelAccount, userAccount } from './account.ts';
import type { Budget, CapIndex, CapScope, GroupLimitMode, Member } from './cap.ts';
import { budgetAccount, resolveCaps } from './cap.ts';
import type { MicroUsd } from './money.ts';
import type { Period } from './period.ts';

/** One amount that one account must stay under. */
export interface WatchedLimit {
  /** Of the spend limit; its cap and its budget have the same. */
  readonly id: string;
  readonly kind: 'cap' | 'budget';
  readonly scope: CapScope;
  readonly period: Period;
  readonly model: string | null;
  readonly account: AccountId;
  readonly amountMicroUsd: MicroUsd;
}

export interface LimitSpend {
  readonly limit: WatchedLimit;
  readonly bucket: string;
  readonly resetsAtMs: number;
  readonly spentMicroUsd: MicroUsd;
}

export interface ReachedThreshold {
  /** The same threshold of the same limit, account and bucket has the same key. */
  readonly key: string;
  readonly percent: number;
  /** The highest of those reached at once; the others count as raised without a word. */
  readonly isTold: boolean;
}

/** Highest first. `thresholds` are whole percents. Nothing of a cap of 0, which is never spent on. */
export function reachedThresholds(
  { limit, bucket, spentMicroUsd }: LimitSpend,
  thresholds: readonly number[],
): ReachedThreshold[] {
  const { id, kind, account, amountMicroUsd } = limit;
  if (amountMicroUsd <= 0) return [];
  // Beyond 90 million dollars a hundredfold is no safe integer any more.
  const spent = BigInt(spentMicroUsd) * 100n;
  return [...new Set(thresholds)]
    .filter((percent) => spent >= BigInt(amountMicroUsd) * BigInt(percent))
    .sort((a, b) => b - a)
    .map((percent, index) => ({
      key: JSON.stringify([id, kind, account, bucket, amountMicroUsd, percent]),
      percent,
      isTold: index === 0,
    }));
}

/** The finite caps that apply to a person: for all models, and for those named. */
export function watchedCaps(
  index: CapIndex,
  person: Member,
  models: readonly string[],
  mode: GroupLimitMode,
): WatchedLimit[] {
  const own = userAccount(person.sub);
  return resolveCaps(index, person, mode, models).flatMap((cap): WatchedLimit[] => {
    const { id, scope, period, model, amountMicroUsd } = cap;
    if (amountMicroUsd === null) return [];
    const account = model === null ? own : modelAccount(model, own);
    return [{ id, kind: 'cap', scope, period, model, account, amountMicroUsd }];
  });
}

/** The budgets of an account; those of a person's own account are none. */
export function watchedBudgets(index: CapIndex, account: AccountId): WatchedLimit[] {
  return (index.budgetsOf.get(account) ?? []).map(watchedBudget);
}

export function watchedBudget({ id, scope, period, amountMicroUsd }: Budget): WatchedLimit {
  const account = budgetAccount(scope);
  return { id, kind: 'budget', scope, period, model: null, account, amountMicroUsd };
}
