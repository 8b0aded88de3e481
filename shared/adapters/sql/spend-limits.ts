// Caps and their audit trail between rows and values.

import type { CapScope } from '#shared/domain/cap.ts';
import type { Period } from '#shared/domain/period.ts';
import type { AuditRow, SpendLimit } from '#shared/ports/admin-store.ts';
import type { AuditTable, SpendLimitTable } from './schema.ts';

/** Empty for the organization. */
export function scopeId(scope: CapScope): string {
  switch (scope.type) {
    case 'user':
      return scope.userId;
    case 'rbac_group':
      return scope.rbacGroupId;
    case 'organization':
      return '';
  }
}

export function capScope(type: string, id: string): CapScope {
  if (type === 'user') return { type, userId: id };
  if (type === 'rbac_group') return { type, rbacGroupId: id };
  return { type: 'organization' };
}

export function spendLimit(row: SpendLimitTable): SpendLimit {
  return {
    id: row.id,
    scope: capScope(row.scope_type, row.scope_id),
    period: row.period as Period,
    amount: row.amount,
    currency: 'USD',
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

export function auditRow(row: AuditTable): AuditRow {
  return {
    id: row.id,
    atMs: row.at_ms,
    actor: row.actor,
    action: row.action as AuditRow['action'],
    target: row.target,
    reason: row.reason,
    before: row.before === null ? null : JSON.parse(row.before),
    after: row.after === null ? null : JSON.parse(row.after),
  };
}
