// How a spend limit is spelled on the wire: in replies, in `source` and in the audit trail.

import type { AccountId } from '#shared/domain/account.ts';
import { budgetAccount, type CapScope } from '#shared/domain/cap.ts';
import { isoTime } from '#shared/domain/clock.ts';
import type { SpendLimit } from '#shared/ports/admin-store.ts';
import { milliCents, readSpend, type SpendDeps, type Spent } from './read-spend.ts';

export function renderScope(scope: CapScope): object {
  switch (scope.type) {
    case 'user':
      return { type: scope.type, user_id: scope.userId };
    case 'rbac_group':
      return { type: scope.type, rbac_group_id: scope.rbacGroupId };
    case 'organization':
      return { type: scope.type };
  }
}

/** With what was spent of their budgets. */
export async function renderLimits(
  deps: SpendDeps,
  limits: readonly SpendLimit[],
): Promise<object[]> {
  const accounts = limits.flatMap((limit) => poolOf(limit) ?? []);
  const spent = await readSpend(deps, accounts);
  return limits.map((limit) => renderLimit(limit, spent));
}

function renderLimit(limit: SpendLimit, spent: Spent): object {
  return {
    type: 'spend_limit',
    id: limit.id,
    created_at: isoTime(limit.createdAtMs),
    updated_at: isoTime(limit.updatedAtMs),
    scope: renderScope(limit.scope),
    amount: limit.amount,
    currency: limit.currency,
    period: limit.period,
    ...modelField(limit),
    ...pooledBudget(limit, spent),
  };
}

/** The same facts in the order of the audit trail. */
export function renderSnapshot(limit: SpendLimit): object {
  return {
    id: limit.id,
    scope: renderScope(limit.scope),
    amount: limit.amount,
    period: limit.period,
    currency: limit.currency,
    created_at: isoTime(limit.createdAtMs),
    updated_at: isoTime(limit.updatedAtMs),
    ...modelField(limit),
    ...pooledBudget(limit, null),
  };
}

function modelField({ model }: SpendLimit): { model?: string } {
  return model === null ? {} : { model };
}

/** Null: the limit has none. */
export function poolOf({ scope, pooledBudget }: SpendLimit): AccountId | null {
  return pooledBudget === null || scope.type === 'user' ? null : budgetAccount(scope);
}

/** A group's monthly row says that it has none; where the reference knows no budgets nothing is said. */
function pooledBudget(limit: SpendLimit, spent: Spent | null): { pooled_budget?: object | null } {
  const { scope, period, model, currency, pooledBudget: budget } = limit;
  const account = poolOf(limit);
  if (budget === null || account === null) {
    const isOfGroup = scope.type === 'rbac_group' && period === 'monthly' && model === null;
    return isOfGroup ? { pooled_budget: null } : {};
  }
  const { amount, paused } = budget;
  const spend = spent === null ? {} : { period_to_date_spend: milliCents(spent(account, period)) };
  return { pooled_budget: { amount, paused, currency, ...spend } };
}
