// Caps and their audit trail between rows and values.

import type { CapScope } from '#shared/domain/cap.ts';
import type { Period } from '#shared/domain/period.ts';
import type { Actor, AuditRow, CapUpsert, SpendLimit } from '#shared/ports/admin-store.ts';
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

export function limitRow(limit: SpendLimit, position: number): SpendLimitTable {
  return {
    id: limit.id,
    position,
    scope_type: limit.scope.type,
    scope_id: scopeId(limit.scope),
    period: limit.period,
    model: limit.model ?? '',
    amount: limit.amount,
    pooled_amount: limit.pooledBudget?.amount ?? null,
    pooled_paused: limit.pooledBudget?.paused === true ? 1 : 0,
    created_at_ms: limit.createdAtMs,
    updated_at_ms: limit.updatedAtMs,
  };
}

export function spendLimit(row: SpendLimitTable): SpendLimit {
  return {
    id: row.id,
    scope: capScope(row.scope_type, row.scope_id),
    period: row.period as Period,
    model: row.model === '' ? null : row.model,
    amount: row.amount,
    currency: 'USD',
    pooledBudget:
      row.pooled_amount === null
        ? null
        : { amount: row.pooled_amount, paused: row.pooled_paused === 1 },
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

/** What an upsert leaves. `before`: what the scope, period and model had. */
export function upserted(cap: CapUpsert, before: SpendLimit | null, by: Actor): SpendLimit {
  const { scope, period, model } = cap;
  const { amount, pooledBudget } = cap.change(before);
  return {
    id: before?.id ?? cap.id,
    ...{ scope, period, model, amount, currency: 'USD', pooledBudget },
    createdAtMs: before?.createdAtMs ?? by.atMs,
    updatedAtMs: by.atMs,
  };
}

/** The same limit of another person. */
export function renamed(limit: SpendLimit, sub: string, pseudonym: string): SpendLimit {
  const isTheirs = limit.scope.type === 'user' && limit.scope.userId === sub;
  return isTheirs ? { ...limit, scope: { type: 'user', userId: pseudonym } } : limit;
}

/** A row of the audit trail as it is once `sub` is called `pseudonym`; null: it does not name them. */
export function renamedAudit(
  row: Pick<AuditRow, 'actor' | 'before' | 'after'>,
  sub: string,
  pseudonym: string,
): Pick<AuditRow, 'actor' | 'before' | 'after'> | null {
  const actor = row.actor === `oidc:${sub}` ? `oidc:${pseudonym}` : row.actor;
  const before = row.before && renamed(row.before, sub, pseudonym);
  const after = row.after && renamed(row.after, sub, pseudonym);
  const isSame = actor === row.actor && before === row.before && after === row.after;
  return isSame ? null : { actor, before, after };
}

export function auditRow(row: AuditTable): AuditRow {
  return {
    id: row.id,
    atMs: row.at_ms,
    actor: row.actor,
    action: row.action as AuditRow['action'],
    target: row.target,
    reason: row.reason,
    before: snapshot(row.before === null ? null : JSON.parse(row.before)),
    after: snapshot(row.after === null ? null : JSON.parse(row.after)),
  };
}

/** A limit as the audit trail has it: before there were models and budgets it did not name them. */
export function snapshot(limit: SpendLimit | null): SpendLimit | null {
  return limit === null ? null : { ...{ model: null, pooledBudget: null }, ...limit };
}
