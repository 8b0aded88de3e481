// Usage added up by any choice of dimensions. Facts may be more than memory holds: kept are the sum
// of everything and the rows of one page, whatever the number of rows.

import { type MicroUsd, microUsd, ZERO } from './money.ts';

export const USAGE_DIMENSIONS = [
  ...(['user', 'rbac_group', 'model', 'upstream', 'billing_group', 'session', 'day'] as const),
] as const;

export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

export interface UsageFigures {
  readonly events: number;
  readonly estimatedEvents: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Corrections included. */
  readonly costMicroUsd: MicroUsd;
  /** What corrections added to `costMicroUsd`; negative where they took from it. */
  readonly correctionMicroUsd: MicroUsd;
}

/** Something that was used: one event, or the sum of events that are alike. */
export interface UsageFact extends UsageFigures {
  readonly day: string;
  readonly sub: string;
  readonly groups: readonly string[];
  readonly billingGroup: string | null;
  readonly servedModel: string;
  readonly upstream: string;
  readonly sessionId?: string | null;
}

/** What is absent selects everything; null selects what has none. */
export interface UsageFilter {
  readonly subs?: ReadonlySet<string>;
  readonly group?: string | null;
  readonly model?: string;
  readonly billingGroup?: string | null;
}

/** One value per dimension, in the order in which they were asked for. */
export type UsageKey = readonly (string | null)[];

export interface UsageRow {
  readonly key: UsageKey;
  readonly figures: UsageFigures;
}

export interface UsageSummaryOptions {
  readonly by: readonly UsageDimension[];
  readonly filter: UsageFilter;
  /** The last key of the page before. */
  readonly after: UsageKey | null;
  /** Rows of a page. */
  readonly limit: number;
}

export interface UsageSummary {
  add(fact: UsageFact): void;
  /** Over everything that matches, each event once. */
  total(): UsageFigures;
  /** Ascending by key; null comes first. */
  page(): { readonly rows: readonly UsageRow[]; readonly hasMore: boolean };
}

const NO_FIGURES: UsageFigures = {
  events: 0,
  estimatedEvents: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costMicroUsd: ZERO,
  correctionMicroUsd: ZERO,
};

/** An event is in several rows at once: in one for each group of the person. */
export function isOverlapping(by: readonly UsageDimension[], filter: UsageFilter): boolean {
  return by.includes('rbac_group') && filter.group === undefined;
}

export function createUsageSummary({
  by,
  filter,
  after,
  limit,
}: UsageSummaryOptions): UsageSummary {
  let total = NO_FIGURES;
  const rows = new Map<string, UsageRow>();
  // Where there are more rows than the page and one more, those beyond are never shown: the rows
  // before them stay, so that no later fact can bring them back.
  let beyond: UsageKey | null = null;
  const kept = () => [...rows].sort(([, a], [, b]) => compareKeys(a.key, b.key));
  const drop = () => {
    for (const [text, { key }] of kept().slice(limit + 1)) {
      rows.delete(text);
      if (beyond === null || compareKeys(key, beyond) < 0) beyond = key;
    }
  };
  const isShown = (key: UsageKey) =>
    (after === null || compareKeys(key, after) > 0) &&
    (beyond === null || compareKeys(key, beyond) < 0);
  return {
    add(fact) {
      if (!matches(fact, filter)) return;
      total = added(total, fact);
      for (const key of keysOf(fact, by, filter)) {
        if (!isShown(key)) continue;
        const text = JSON.stringify(key);
        const known = rows.get(text)?.figures ?? NO_FIGURES;
        rows.set(text, { key, figures: added(known, fact) });
        if (rows.size > 2 * limit + 2) drop();
      }
    },
    total: () => total,
    page() {
      const all = kept().map(([, row]) => row);
      return { rows: all.slice(0, limit), hasMore: all.length > limit };
    },
  };
}

function matches(fact: UsageFact, { subs, group, model, billingGroup }: UsageFilter): boolean {
  if (subs !== undefined && !subs.has(fact.sub)) return false;
  if (model !== undefined && fact.servedModel !== model) return false;
  if (billingGroup !== undefined && fact.billingGroup !== billingGroup) return false;
  if (group === undefined) return true;
  return group === null ? fact.groups.length === 0 : fact.groups.includes(group);
}

function keysOf(
  fact: UsageFact,
  by: readonly UsageDimension[],
  { group }: UsageFilter,
): readonly UsageKey[] {
  const keyIn = (of: string | null) =>
    by.map((name) => (name === 'rbac_group' ? of : value(fact, name)));
  if (!by.includes('rbac_group')) return [keyIn(null)];
  if (group !== undefined) return [keyIn(group)];
  return fact.groups.length === 0 ? [keyIn(null)] : [...new Set(fact.groups)].map(keyIn);
}

function value(fact: UsageFact, name: Exclude<UsageDimension, 'rbac_group'>): string | null {
  switch (name) {
    case 'user':
      return fact.sub;
    case 'model':
      return fact.servedModel;
    case 'upstream':
      return fact.upstream;
    case 'billing_group':
      return fact.billingGroup;
    case 'session':
      return fact.sessionId ?? null;
    case 'day':
      return fact.day;
  }
}

function added(a: UsageFigures, b: UsageFigures): UsageFigures {
  return {
    events: a.events + b.events,
    estimatedEvents: a.estimatedEvents + b.estimatedEvents,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    costMicroUsd: microUsd(a.costMicroUsd + b.costMicroUsd),
    correctionMicroUsd: microUsd(a.correctionMicroUsd + b.correctionMicroUsd),
  };
}

function compareKeys(a: UsageKey, b: UsageKey): number {
  for (const [nth, mine] of a.entries()) {
    const other = b[nth] ?? null;
    if (mine === other) continue;
    if (mine === null) return -1;
    return other === null || mine > other ? 1 : -1;
  }
  return 0;
}
