// Changes of caps: written with their audit row, told to the log, and in force before the answer
// leaves: the cap table is published to the quota store first, and an admit with an older one is asked
// to read it again.

import { randomBytes } from 'node:crypto';
import type { CapScope } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Actor, AdminStore, SpendLimit } from '#shared/ports/admin-store.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log, LogFields } from '#shared/telemetry/log.ts';
import type { CapBody } from './cap-body.ts';
import { changeOf } from './cap-change.ts';

export interface CapWriterDeps {
  readonly admin: AdminStore;
  readonly quota: Pick<QuotaStore, 'publishCaps'>;
  readonly log: Log;
}

export function newLimitId(): string {
  return `spl_${randomBytes(16).toString('hex')}`;
}

/** Not in force yet: `publishCaps`. The id and creation time of an existing row stay. */
export async function writeCap(
  { admin, log }: CapWriterDeps,
  scope: CapScope,
  body: CapBody,
  by: Actor,
): Promise<{ before: SpendLimit | null; after: SpendLimit }> {
  const { period, model } = body;
  const { before, after } = await admin.upsertCap(
    {
      ...{ id: newLimitId(), scope, period, model },
      change: (known) => changeOf(body, known),
    },
    by,
  );
  log.audit('admin.limit.upsert', {
    ...auditFields(by, after),
    amount: after.amount,
    ...(before === null ? {} : { before_amount: before.amount }),
    ...budgetFields('', after),
    ...budgetFields('before_', before),
  });
  return { before, after };
}

/** Not in force yet: `publishCaps`. Null: there was no such limit. */
export async function deleteCap(
  { admin, log }: CapWriterDeps,
  id: string,
  by: Actor,
): Promise<SpendLimit | null> {
  const removed = await admin.deleteCap(id, by);
  if (removed !== null) log.audit('admin.limit.delete', auditFields(by, removed));
  return removed;
}

/** @throws AppError `unavailable`: what was changed is saved and not in force. */
export async function publishCaps({ admin, quota, log }: CapWriterDeps): Promise<void> {
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

function auditFields({ actor }: Actor, { id, scope, period, model }: SpendLimit): LogFields {
  return {
    ...{ actor, target: id, scope_type: scope.type, scope_id: scopeId(scope), period },
    ...(model === null ? {} : { model }),
  };
}

function budgetFields(prefix: '' | 'before_', limit: SpendLimit | null): LogFields {
  const budget = limit?.pooledBudget;
  if (budget === undefined || budget === null) return {};
  return {
    [`${prefix}pooled_amount`]: budget.amount,
    [`${prefix}pooled_paused`]: budget.paused,
  };
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
