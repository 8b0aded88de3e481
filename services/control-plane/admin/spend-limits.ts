// One cap: set or removed, or what that would do.

import { type CapScope, capKey, type GroupLimitMode } from '#shared/domain/cap.ts';
import type { Actor, SpendLimit } from '#shared/ports/admin-store.ts';
import { fault, parseReason } from './body-fields.ts';
import type { CapBody } from './cap-body.ts';
import { changeOf } from './cap-change.ts';
import { resolveTarget } from './cap-target.ts';
import { type CapWriterDeps, deleteCap, newLimitId, publishCaps, writeCap } from './cap-writer.ts';
import { findLimit, unknownLimit } from './list-limits.ts';
import { previewChange } from './preview.ts';
import type { SpendDeps } from './read-spend.ts';
import { renderLimits } from './render-limit.ts';

export type SpendLimitDeps = CapWriterDeps & SpendDeps;

export interface Change {
  readonly actor: string;
  readonly mode: GroupLimitMode;
}

/** Sets the cap of a scope, a period and a model. */
export async function setCap(
  deps: SpendLimitDeps,
  { actor, mode }: Change,
  body: CapBody,
): Promise<object> {
  const by = { actor, reason: body.reason, atMs: deps.clock.now() };
  const { scope, told } = await resolveTarget(deps.admin, body.scope);
  if (body.dryRun) {
    const limits = await deps.admin.caps();
    const before = indexByKey(limits).get(capKey(scope, body.period, body.model)) ?? null;
    const after = planned(before, scope, body, by);
    return { ...(await previewChange(deps, mode, { limits, before, after })), ...told };
  }
  const { after } = await writeCap(deps, scope, body, by);
  await publishCaps(deps);
  return { ...(await renderLimits(deps, [after]))[0], ...told };
}

export function indexByKey(limits: readonly SpendLimit[]): Map<string, SpendLimit> {
  return new Map(limits.map((limit) => [capKey(limit.scope, limit.period, limit.model), limit]));
}

/** What a body would make of a row. @throws as `changeOf` */
export function planned(
  before: SpendLimit | null,
  scope: CapScope,
  body: CapBody,
  by: Actor,
): SpendLimit {
  const { period, model } = body;
  const { amount, pooledBudget } = changeOf(body, before);
  return {
    id: before?.id ?? newLimitId(),
    ...{ scope, period, model, amount, currency: 'USD', pooledBudget },
    createdAtMs: before?.createdAtMs ?? by.atMs,
    updatedAtMs: by.atMs,
  };
}

export async function removeCap(
  deps: SpendLimitDeps,
  { actor, mode }: Change,
  { id, query }: { readonly id: string; readonly query: URLSearchParams },
): Promise<object> {
  const reason = parseReason(query.get('reason'));
  const dryRun = parseFlag('dry_run', query.get('dry_run'));
  await findLimit(deps.admin, id);
  if (dryRun) {
    const limits = await deps.admin.caps();
    const before = limits.find((limit) => limit.id === id);
    if (before === undefined) throw unknownLimit();
    return previewChange(deps, mode, { limits, before, after: null });
  }
  const removed = await deleteCap(deps, id, { actor, reason, atMs: deps.clock.now() });
  if (removed === null) throw unknownLimit();
  await publishCaps(deps);
  return { type: 'spend_limit_deleted', id };
}

function parseFlag(name: string, text: string | null): boolean {
  if (text === null || text === 'false') return false;
  if (text !== 'true') throw fault(name, 'must be true or false');
  return true;
}
