// Caps: set, list, read, remove. Every change is in force before its answer leaves: the cap table
// is published to the quota store first, and an admit with an older one is asked to read it again.

import { randomBytes } from 'node:crypto';
import type { CapScope } from '#shared/domain/cap.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore, SpendLimit } from '#shared/ports/admin-store.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log, LogFields } from '#shared/telemetry/log.ts';
import type { Administrator } from './authentication.ts';
import { type CapBody, parseReason } from './cap-body.ts';
import { parsePageLimit } from './page-query.ts';
import { renderLimit } from './render-limit.ts';

export interface SpendLimitDeps {
  readonly admin: AdminStore;
  readonly quota: Pick<QuotaStore, 'publishCaps'>;
  readonly clock: Clock;
  readonly log: Log;
}

const SCOPE_TYPES: readonly CapScope['type'][] = ['organization', 'rbac_group', 'user'];

/** Sets the cap of a scope and period; the id and creation time of an existing one stay. */
export async function setCap(
  deps: SpendLimitDeps,
  { actor }: Administrator,
  { scope, period, amount, reason }: CapBody,
): Promise<object> {
  const id = `spl_${randomBytes(16).toString('hex')}`;
  const by = { actor, reason, atMs: deps.clock.now() };
  const { before, after } = await deps.admin.upsertCap({ id, scope, period, amount }, by);
  deps.log.audit('admin.limit.upsert', {
    ...auditFields(actor, after),
    amount: after.amount,
    ...(before === null ? {} : { before_amount: before.amount }),
  });
  await publishCaps(deps);
  return renderLimit(after);
}

export async function removeCap(
  deps: SpendLimitDeps,
  { actor }: Administrator,
  { id, query }: { readonly id: string; readonly query: URLSearchParams },
): Promise<object> {
  const reason = parseReason(query.get('reason'));
  const removed = await deps.admin.deleteCap(id, { actor, reason, atMs: deps.clock.now() });
  if (removed === null) throw unknownLimit();
  deps.log.audit('admin.limit.delete', auditFields(actor, removed));
  await publishCaps(deps);
  return { type: 'spend_limit_deleted', id };
}

export async function readCap({ admin }: SpendLimitDeps, id: string): Promise<object> {
  const limit = await admin.cap(id);
  if (limit === null) throw unknownLimit();
  return renderLimit(limit);
}

/** Ascending by creation. There is one row per scope and period: a page is cut from all of them. */
export async function listCaps({ admin }: SpendLimitDeps, query: URLSearchParams): Promise<object> {
  const limit = parsePageLimit(query, 20);
  const scopeType = parseScopeType(query.get('scope_type'));
  const all = await admin.caps();
  const { rows, fromEnd } = between(all, query);
  const matching = rows.filter(({ scope }) => scopeType === null || scope.type === scopeType);
  const page = fromEnd ? matching.slice(-limit) : matching.slice(0, limit);
  return {
    data: page.map(renderLimit),
    has_more: matching.length > page.length,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

/** The rows after `after_id`, or those before `before_id`, of which the last ones are wanted. */
function between(
  all: readonly SpendLimit[],
  query: URLSearchParams,
): { rows: readonly SpendLimit[]; fromEnd: boolean } {
  const afterId = query.get('after_id');
  const beforeId = query.get('before_id');
  if (afterId !== null && beforeId !== null) {
    throw new AppError('invalid_request', 'after_id and before_id are mutually exclusive');
  }
  if (afterId !== null) {
    return { rows: all.slice(indexOf(all, 'after_id', afterId) + 1), fromEnd: false };
  }
  if (beforeId !== null) {
    return { rows: all.slice(0, indexOf(all, 'before_id', beforeId)), fromEnd: true };
  }
  return { rows: all, fromEnd: false };
}

function indexOf(all: readonly SpendLimit[], name: string, id: string): number {
  const index = all.findIndex((limit) => limit.id === id);
  if (index === -1) throw new AppError('invalid_request', `${name}: no spend limit with this id`);
  return index;
}

function parseScopeType(text: string | null): CapScope['type'] | null {
  if (text === null) return null;
  const type = SCOPE_TYPES.find((known) => known === text);
  if (type === undefined) {
    throw new AppError('invalid_request', `scope_type: must be one of ${SCOPE_TYPES.join(', ')}`);
  }
  return type;
}

async function publishCaps({ admin, quota, log }: SpendLimitDeps): Promise<void> {
  try {
    await quota.publishCaps(await admin.capTable());
  } catch (caught) {
    log.error('cap change saved but not published', { err: AppError.from(caught) });
    throw new AppError(
      'unavailable',
      'the change is saved but not in force yet: the quota store did not answer; repeat it',
      { cause: caught },
    );
  }
}

function auditFields(actor: string, { id, scope, period }: SpendLimit): LogFields {
  return { actor, target: id, scope_type: scope.type, scope_id: scopeId(scope), period };
}

function scopeId(scope: CapScope): string | null {
  switch (scope.type) {
    case 'user':
      return scope.userId;
    case 'rbac_group':
      return scope.rbacGroupId;
    case 'organization':
      return null;
  }
}

export function unknownLimit(): AppError {
  return new AppError('not_found', 'spend limit not found');
}
