// Which cap applies to a person, and which budgets: one set of pure functions shared by enforcement,
// headers, /api/oauth/usage and /effective.

import { type AccountId, modelAccount, ORGANIZATION, poolAccount, userAccount } from './account.ts';
import type { MicroUsd } from './money.ts';
import { PERIODS, type Period } from './period.ts';
import type { Limit, Pool } from './quota.ts';

export type CapScope =
  | { readonly type: 'user'; readonly userId: string }
  | { readonly type: 'rbac_group'; readonly rbacGroupId: string }
  | { readonly type: 'organization' };

/** A configured limit. The organization's cap is the default of each person, not a shared budget. */
export interface Cap {
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  /** The family or the model that it is for (`modelNames`); null: all of them. */
  readonly model: string | null;
  /** `null`: unlimited. 0: blocked at once. */
  readonly amountMicroUsd: MicroUsd | null;
}

/**
 * A budget that a group or everybody shares. Paused ones are not in the table: they neither count nor
 * block. A person's request is charged to one of their groups' budgets, and to the organization's.
 */
export interface Budget {
  /** Of the spend limit that it belongs to. */
  readonly id: string;
  readonly scope: Exclude<CapScope, { readonly type: 'user' }>;
  readonly period: Period;
  readonly amountMicroUsd: MicroUsd;
}

/** What the control plane publishes to the quota store; the version grows with every change. */
export interface CapTable {
  readonly version: number;
  readonly caps: readonly Cap[];
  readonly budgets: readonly Budget[];
}

/** `min` (default): the tightest group wins; `max`: the widest, and unlimited wins over all. */
export type GroupLimitMode = 'min' | 'max';

export interface CapIndex {
  readonly version: number;
  readonly byKey: ReadonlyMap<string, Cap>;
  /** Families and models that anybody has a cap for: only these are counted apart. */
  readonly models: ReadonlySet<string>;
  readonly budgetsOf: ReadonlyMap<AccountId, readonly Budget[]>;
}

export interface Member {
  readonly sub: string;
  readonly groups: readonly string[];
}

/** What a request is charged to and must fit under. */
export interface Charge {
  readonly accounts: readonly AccountId[];
  readonly limits: readonly Limit[];
  /** As `AdmitRequest.pools`. */
  readonly pools: readonly Pool[];
}

export function indexCaps(table: CapTable): CapIndex {
  return {
    version: table.version,
    byKey: new Map(table.caps.map((cap) => [capKey(cap.scope, cap.period, cap.model), cap])),
    models: new Set(table.caps.flatMap(({ model }) => model ?? [])),
    budgetsOf: Map.groupBy(table.budgets, ({ scope }) => budgetAccount(scope)),
  };
}

/** One per scope, period and model: the key of an upsert. */
export function capKey(scope: CapScope, period: Period, model: string | null): string {
  const start = model === null ? period : `${period} ${model}`;
  switch (scope.type) {
    case 'user':
      return `${start} user ${scope.userId}`;
    case 'rbac_group':
      return `${start} rbac_group ${scope.rbacGroupId}`;
    case 'organization':
      return `${start} organization`;
  }
}

export function budgetAccount(scope: Budget['scope']): AccountId {
  return scope.type === 'organization' ? ORGANIZATION : poolAccount(scope.rbacGroupId);
}

/**
 * What a request for a model is charged to. `models`: the names that caps may have for it, its family
 * and its id.
 */
export function chargeOf(
  index: CapIndex,
  person: Member,
  models: readonly string[],
  mode: GroupLimitMode,
): Charge {
  const own = userAccount(person.sub);
  const counted = models.filter((model) => index.models.has(model));
  const organization = index.budgetsOf.get(ORGANIZATION) ?? [];
  const limits = resolveCaps(index, person, mode, counted).flatMap((cap) => limitOf(cap, own));
  return {
    accounts: [
      own,
      ...counted.map((model) => modelAccount(model, own)),
      ...(organization.length > 0 ? [ORGANIZATION] : []),
    ],
    limits: [...limits, ...organization.map(budgetLimit)],
    pools: poolsOf(index, person),
  };
}

/** The budgets that a person's groups share, ascending by account. */
export function poolsOf(index: CapIndex, { groups }: Member): Pool[] {
  if (index.budgetsOf.size === 0) return [];
  return [...new Set(groups)].sort().flatMap((group) => {
    const account = poolAccount(group);
    const budgets = index.budgetsOf.get(account);
    return budgets === undefined ? [] : [{ account, limits: budgets.map(budgetLimit) }];
  });
}

/**
 * The cap that applies in a period, or null when none is configured: the person's own row (even an
 * unlimited one), else among the groups' rows by `mode`, else the organization's.
 */
export function resolveCap(
  index: CapIndex,
  person: Member,
  period: Period,
  mode: GroupLimitMode,
  model: string | null = null,
): Cap | null {
  const own = index.byKey.get(capKey({ type: 'user', userId: person.sub }, period, model));
  if (own !== undefined) return own;
  let best: Cap | null = null;
  for (const rbacGroupId of person.groups) {
    const cap = index.byKey.get(capKey({ type: 'rbac_group', rbacGroupId }, period, model));
    if (cap !== undefined && (best === null || wins(cap, best, mode))) best = cap;
  }
  return best ?? index.byKey.get(capKey({ type: 'organization' }, period, model)) ?? null;
}

/**
 * The caps of all periods that apply to a person; unlimited ones too, so that reports can say so.
 * First those for all models, then those for the models named.
 */
export function resolveCaps(
  index: CapIndex,
  person: Member,
  mode: GroupLimitMode,
  models: readonly string[] = [],
): Cap[] {
  const caps: Cap[] = [];
  for (const model of [null, ...models]) {
    for (const period of PERIODS) {
      const cap = resolveCap(index, person, period, mode, model);
      if (cap !== null) caps.push(cap);
    }
  }
  return caps;
}

function limitOf(cap: Cap, own: `user:${string}`): Limit[] {
  const { id: capId, period, model, amountMicroUsd: capMicroUsd } = cap;
  if (capMicroUsd === null) return [];
  return [{ capId, account: model === null ? own : modelAccount(model, own), period, capMicroUsd }];
}

function budgetLimit({ id, scope, period, amountMicroUsd }: Budget): Limit {
  return { capId: id, account: budgetAccount(scope), period, capMicroUsd: amountMicroUsd };
}

function wins(candidate: Cap, best: Cap, mode: GroupLimitMode): boolean {
  const a = candidate.amountMicroUsd ?? Number.POSITIVE_INFINITY;
  const b = best.amountMicroUsd ?? Number.POSITIVE_INFINITY;
  return mode === 'min' ? a < b : a > b;
}
