// How a spend limit is spelled on the wire: in replies, in `source` and in the audit trail.

import type { CapScope } from '#shared/domain/cap.ts';
import { isoTime } from '#shared/domain/clock.ts';
import type { SpendLimit } from '#shared/ports/admin-store.ts';

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

export function renderLimit(limit: SpendLimit): object {
  return {
    type: 'spend_limit',
    id: limit.id,
    created_at: isoTime(limit.createdAtMs),
    updated_at: isoTime(limit.updatedAtMs),
    scope: renderScope(limit.scope),
    amount: limit.amount,
    currency: limit.currency,
    period: limit.period,
    ...pooledBudget(limit),
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
    ...pooledBudget(limit),
  };
}

/** Shared budgets are monthly and of groups; a row that could have one says that it has none. */
function pooledBudget({ scope, period }: SpendLimit): { pooled_budget?: null } {
  return scope.type === 'rbac_group' && period === 'monthly' ? { pooled_budget: null } : {};
}
