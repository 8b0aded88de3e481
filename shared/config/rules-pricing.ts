import { builtinModel } from '../domain/builtin-models.ts';
import { readInstant } from './instant.ts';
import { isRawMap, listAt, textAt, valueAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

/** Rules over `pricing`: for every request at most one row is the most specific. */
export const pricingRules: readonly Rule[] = [pricesNameUpstreams, rangesAreNotEmpty, rowsAgree];

interface PriceRowAt {
  readonly path: string;
  readonly identity: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly endpoint: unknown;
  readonly above: number;
}

function pricesNameUpstreams({ tree, refuse }: RuleContext): void {
  const names = listAt(tree, 'upstreams')
    .map((upstream) => textAt(upstream, 'name') ?? textAt(upstream, 'provider'))
    .filter((name) => name !== undefined);
  listAt(tree, 'pricing', 'overrides').forEach((row, index) => {
    const upstream = textAt(row, 'upstream');
    if (upstream === undefined || names.includes(upstream)) return;
    const accepted = names.length === 0 ? "an upstream's name" : `one of ${names.join(', ')}`;
    refuse(`pricing.overrides[${index}].upstream`, JSON.stringify(upstream), accepted);
  });
}

function rangesAreNotEmpty({ tree, refuse }: RuleContext): void {
  listAt(tree, 'pricing', 'overrides').forEach((row, index) => {
    const fromMs = readInstant(valueAt(row, 'from'));
    const until = valueAt(row, 'until');
    const untilMs = readInstant(until);
    if (fromMs === undefined || untilMs === undefined || fromMs < untilMs) return;
    const found = `${JSON.stringify(until)}, which is not after from`;
    refuse(`pricing.overrides[${index}].until`, found, 'an instant after from');
  });
}

function rowsAgree({ tree, refuse }: RuleContext): void {
  const rows = listAt(tree, 'pricing', 'overrides').flatMap(rowAt);
  rows.forEach((row, index) => {
    for (const before of rows.slice(0, index)) {
      if (!canMeet(row, before)) continue;
      if (isSame(row, before)) {
        const found = `the same upstream and model as ${before.path} at the same time`;
        const what = 'upstream, model, endpoint and above_prompt_tokens';
        refuse(row.path, found, `rows that do not overlap for each ${what}`);
        return;
      }
      if (isWithin(row, before) || isWithin(before, row)) continue;
      const found = `a row that overlaps with ${before.path}, neither being the more specific`;
      refuse(row.path, found, 'an endpoint in both of them, or in neither');
      return;
    }
  });
}

/** Nothing where another fault is told already. */
function rowAt(row: unknown, index: number): PriceRowAt[] {
  const [upstream, model] = [textAt(row, 'upstream'), textAt(row, 'model')];
  if (!isRawMap(row) || upstream === undefined || model === undefined) return [];
  const above = Number(row['above_prompt_tokens'] ?? 0);
  return [
    {
      path: `pricing.overrides[${index}]`,
      // Every spelling of a built-in model is that model.
      identity: JSON.stringify([upstream, builtinModel(model)?.id ?? model.toLowerCase()]),
      fromMs: readInstant(row['from']) ?? Number.NEGATIVE_INFINITY,
      untilMs: readInstant(row['until']) ?? Number.POSITIVE_INFINITY,
      endpoint: row['endpoint'],
      above: Number.isNaN(above) ? 0 : above,
    },
  ];
}

/** One request may find both of them. */
function canMeet(a: PriceRowAt, b: PriceRowAt): boolean {
  return (
    a.identity === b.identity &&
    a.fromMs < b.untilMs &&
    b.fromMs < a.untilMs &&
    (a.endpoint === undefined || b.endpoint === undefined || a.endpoint === b.endpoint)
  );
}

function isSame(a: PriceRowAt, b: PriceRowAt): boolean {
  return a.endpoint === b.endpoint && a.above === b.above;
}

/** Wherever `a` holds, `b` holds too. */
function isWithin(a: PriceRowAt, b: PriceRowAt): boolean {
  return (b.endpoint === undefined || a.endpoint === b.endpoint) && a.above >= b.above;
}
