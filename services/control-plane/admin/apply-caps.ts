// Applies a file of caps: says what differs, and makes it so. The same file a second time changes
// nothing and leaves no trace in the audit trail.

import { capKey } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Actor, SpendLimit } from '#shared/ports/admin-store.ts';
import { deleteCap, publishCaps, writeCap } from './cap-writer.ts';
import { type CapsFile, Faults, type PlacedRow, placeRows } from './caps-file.ts';
import { renderLimits } from './render-limit.ts';
import { indexByKey, planned, type SpendLimitDeps } from './spend-limits.ts';

interface Planned {
  readonly row: PlacedRow;
  readonly before: SpendLimit | null;
  readonly after: SpendLimit;
}

interface Plan {
  readonly create: Planned[];
  readonly update: Planned[];
  readonly remove: SpendLimit[];
  readonly unchanged: number;
}

export async function applyCaps(
  deps: SpendLimitDeps,
  actor: string,
  file: CapsFile,
): Promise<object> {
  const by = { actor, reason: file.reason, atMs: deps.clock.now() };
  const rows = await placeRows(deps.admin, file.rows);
  const plan = planOf(rows, await deps.admin.caps(), file.prune, by);
  const done = file.dryRun ? plan : await apply(deps, plan, by);
  return renderPlan(deps, done, rows, file.dryRun);
}

function planOf(
  rows: readonly PlacedRow[],
  limits: readonly SpendLimit[],
  prune: boolean,
  by: Actor,
): Plan {
  const faults = new Faults();
  const unlisted = indexByKey(limits);
  const changes = rows.flatMap((row): Planned[] => {
    const { scope, body } = row;
    const key = capKey(scope, body.period, body.model);
    const before = unlisted.get(key) ?? null;
    unlisted.delete(key);
    const after = faults.tell(row.nth, () => planned(before, scope, body, by));
    return after === undefined ? [] : [{ row, before, after }];
  });
  faults.throwAny();
  const differing = changes.filter(
    ({ before, after }) => before === null || !isSame(before, after),
  );
  return {
    create: differing.filter(({ before }) => before === null),
    update: differing.filter(({ before }) => before !== null),
    remove: prune ? [...unlisted.values()] : [],
    unchanged: changes.length - differing.length,
  };
}

function isSame(one: SpendLimit, other: SpendLimit): boolean {
  const said = ({ amount, pooledBudget }: SpendLimit) =>
    JSON.stringify([amount, pooledBudget?.amount, pooledBudget?.paused]);
  return said(one) === said(other);
}

/** One by one, each with its audit row; in force once at the end, also of what was done before a failure. */
async function apply(deps: SpendLimitDeps, plan: Plan, by: Actor): Promise<Plan> {
  const { create, update, remove } = plan;
  const total = create.length + update.length + remove.length;
  if (total === 0) return plan;
  const done: Plan = { ...plan, create: [], update: [], remove: [] };
  const count = () => done.create.length + done.update.length + done.remove.length;
  try {
    for (const { row } of [...create, ...update]) {
      const actor = { ...by, reason: row.body.reason ?? by.reason };
      const { before, after } = await writeCap(deps, row.scope, row.body, actor);
      (before === null ? done.create : done.update).push({ row, before, after });
    }
    for (const { id } of remove) {
      const removed = await deleteCap(deps, id, by);
      if (removed !== null) done.remove.push(removed);
    }
  } catch (caught) {
    const error = AppError.from(caught);
    await publishCaps(deps);
    const told = `${error.message}; ${count()} of ${total} changes are made: apply the file again`;
    throw new AppError(error.code, told, { detail: error.detail ?? '', cause: caught });
  }
  await publishCaps(deps);
  return done;
}

async function renderPlan(
  deps: SpendLimitDeps,
  plan: Plan,
  rows: readonly PlacedRow[],
  dryRun: boolean,
): Promise<object> {
  const after = async (changes: readonly Planned[]) =>
    renderLimits(
      deps,
      changes.map((change) => change.after),
    );
  const [created, updated] = [await after(plan.create), await after(plan.update)];
  const before = await renderLimits(
    deps,
    plan.update.flatMap((change) => change.before ?? []),
  );
  return {
    type: 'spend_limits_plan',
    dry_run: dryRun,
    create: dryRun ? created.map((limit) => ({ ...limit, id: null })) : created,
    update: updated.map((limit, nth) => ({ before: before[nth], after: limit })),
    delete: await renderLimits(deps, plan.remove),
    unchanged: plan.unchanged,
    warnings: rows.flatMap(({ nth, told }) =>
      (told.warnings ?? []).map((warning) => `limits[${nth}]: ${warning}`),
    ),
  };
}
