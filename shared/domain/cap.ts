// Which cap applies to a person: one pure function shared by enforcement, headers,
// /api/oauth/usage and /effective.

import type { MicroUsd } from './money.ts';
import { PERIODS, type Period } from './period.ts';

export type CapScope =
  | { readonly type: 'user'; readonly userId: string }
  | { readonly type: 'rbac_group'; readonly rbacGroupId: string }
  | { readonly type: 'organization' };

/** A configured limit. The organization's cap is the default of each person, not a shared budget. */
export interface Cap {
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  /** `null`: unlimited. 0: blocked at once. */
  readonly amountMicroUsd: MicroUsd | null;
}

/** What the control plane publishes to the quota store; the version grows with every change. */
export interface CapTable {
  readonly version: number;
  readonly caps: readonly Cap[];
}

/** `min` (default): the tightest group wins; `max`: the widest, and unlimited wins over all. */
export type GroupLimitMode = 'min' | 'max';

export interface CapIndex {
  readonly version: number;
  readonly byKey: ReadonlyMap<string, Cap>;
}

export function indexCaps(table: CapTable): CapIndex {
  return {
    version: table.version,
    byKey: new Map(table.caps.map((cap) => [capKey(cap.scope, cap.period), cap])),
  };
}

/** One per scope and period: the key of an upsert. */
export function capKey(scope: CapScope, period: Period): string {
  switch (scope.type) {
    case 'user':
      return `${period} user ${scope.userId}`;
    case 'rbac_group':
      return `${period} rbac_group ${scope.rbacGroupId}`;
    case 'organization':
      return `${period} organization`;
  }
}

/**
 * The cap that applies in a period, or null when none is configured: the person's own row (even an
 * unlimited one), else among the groups' rows by `mode`, else the organization's.
 */
export function resolveCap(
  index: CapIndex,
  person: { readonly sub: string; readonly groups: readonly string[] },
  period: Period,
  mode: GroupLimitMode,
): Cap | null {
  const own = index.byKey.get(capKey({ type: 'user', userId: person.sub }, period));
  if (own !== undefined) return own;
  let best: Cap | null = null;
  for (const rbacGroupId of person.groups) {
    const cap = index.byKey.get(capKey({ type: 'rbac_group', rbacGroupId }, period));
    if (cap !== undefined && (best === null || wins(cap, best, mode))) best = cap;
  }
  return best ?? index.byKey.get(capKey({ type: 'organization' }, period)) ?? null;
}

/** The caps of all periods that apply to a person; unlimited ones too, so that reports can say so. */
export function resolveCaps(
  index: CapIndex,
  person: { readonly sub: string; readonly groups: readonly string[] },
  mode: GroupLimitMode,
): Cap[] {
  const caps: Cap[] = [];
  for (const period of PERIODS) {
    const cap = resolveCap(index, person, period, mode);
    if (cap !== null) caps.push(cap);
  }
  return caps;
}

function wins(candidate: Cap, best: Cap, mode: GroupLimitMode): boolean {
  const a = candidate.amountMicroUsd ?? Number.POSITIVE_INFINITY;
  const b = best.amountMicroUsd ?? Number.POSITIVE_INFINITY;
  return mode === 'min' ? a < b : a > b;
}
