// Random rows of `pricing.overrides`: a file is refused exactly where some request would find two rows
// of which neither is the more specific; in all others the book takes the one that a plain search over
// all rows takes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPriceBook } from '../domain/pricing.ts';
import { NO_USAGE } from '../domain/usage.ts';
import { loadConfig } from './load.ts';

const DAYS = [1, 2, 3, 4];
const ENDPOINTS = ['global', 'regional', 'multi_region'] as const;
const TOKENS = [3, 7, 12];
const OPUS = 'claude-opus-4-8';
const MODELS = ['mine', 'sent', OPUS, `us.anthropic.${OPUS}`];
const REQUESTS = [
  { upstreamModel: 'sent', requestedModel: 'mine' },
  { upstreamModel: `us.anthropic.${OPUS}`, requestedModel: OPUS },
  { upstreamModel: 'sent', requestedModel: OPUS },
];

interface Row {
  readonly model: string;
  readonly from: number | undefined;
  readonly until: number | undefined;
  readonly endpoint: (typeof ENDPOINTS)[number] | undefined;
  readonly above: number | undefined;
}

const row: fc.Arbitrary<Row> = fc
  .record({
    model: fc.constantFrom(...MODELS),
    from: fc.constantFrom(undefined, 1, 2, 3),
    until: fc.constantFrom(undefined, 2, 3, 4),
    endpoint: fc.constantFrom(undefined, 'global' as const, 'regional' as const),
    above: fc.constantFrom(undefined, 5, 10),
  })
  .filter(({ from, until }) => from === undefined || until === undefined || from < until);

const date = (day: number) => `2026-12-0${day}`;

function load(rows: readonly Row[]) {
  const rates = { output: 1, cache_read: 1, cache_write: 1 };
  const overrides = rows.map(({ model, from, until, endpoint, above }, index) => ({
    ...{ upstream: 'anthropic', model, input: index + 1, ...rates },
    ...(from === undefined ? {} : { from: date(from) }),
    ...(until === undefined ? {} : { until: date(until) }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(above === undefined ? {} : { above_prompt_tokens: above }),
  }));
  const config = {
    listen: { host: '127.0.0.1' },
    oidc: { issuer: 'https://idp.example.com', client_id: 't', client_secret: 's' },
    upstreams: [{ provider: 'anthropic', auth: { api_key: 'k' } }],
    admin: {},
    pricing: { overrides },
  };
  return loadConfig({ text: JSON.stringify(config) }, { env: {} });
}

function holdsOn({ from = 0, until = 9 }: Row, day: number): boolean {
  return from <= day && day < until;
}

/** Every place and prompt where a row holds. */
function cells({ endpoint, above = 0 }: Row): Set<string> {
  const places = ENDPOINTS.filter((one) => endpoint === undefined || one === endpoint);
  return new Set(
    places.flatMap((place) => TOKENS.filter((n) => n > above).map((n) => `${place} ${n}`)),
  );
}

function clash(a: Row, b: Row): boolean {
  const isOpus = (model: string) => model.includes(OPUS);
  const isSame = a.model === b.model || (isOpus(a.model) && isOpus(b.model));
  const meets = DAYS.some((day) => holdsOn(a, day) && holdsOn(b, day));
  const [inA, inB] = [cells(a), cells(b)];
  if (!isSame || !meets || inA.isDisjointFrom(inB)) return false;
  return inA.isSubsetOf(inB) === inB.isSubsetOf(inA);
}

/** The place of the row that prices a request, or -1. */
function plainChoice(
  rows: readonly Row[],
  names: (typeof REQUESTS)[number],
  at: string,
  day: number,
) {
  const { upstreamModel, requestedModel } = names;
  const isOpus = [upstreamModel, requestedModel].some((name) => name.includes(OPUS));
  const levels = [
    rows.filter(({ model }) => model === upstreamModel),
    rows.filter(({ model }) => model === requestedModel),
    rows.filter(({ model }) => isOpus && model.includes(OPUS)),
  ];
  for (const level of levels) {
    const fitting = level.filter((one) => holdsOn(one, day) && cells(one).has(at));
    const best = fitting.find((one) =>
      fitting.every((other) => cells(one).isSubsetOf(cells(other))),
    );
    if (best !== undefined) return rows.indexOf(best);
    assert.deepEqual(fitting, [], 'one of them is the most specific');
  }
  return -1;
}

test('rows are refused where two could hold alike, and else the most specific one counts', () => {
  let [refused, accepted] = [0, 0];
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
      const clashes = rows.some((one, i) => rows.slice(0, i).some((before) => clash(one, before)));
      const result = load(rows);
      assert.equal(result.ok, !clashes, result.ok ? 'accepted' : (result.faults[0]?.message ?? ''));
      if (!result.ok) {
        refused += 1;
        return;
      }
      accepted += 1;
      const { overrides } = result.config.pricing;
      const book = createPriceBook(result.config.pricing);
      for (const names of REQUESTS) {
        for (const day of DAYS) {
          for (const endpoint of ENDPOINTS) {
            for (const cacheReadTokens of TOKENS) {
              const place = { upstream: 'anthropic', provider: 'anthropic', endpoint };
              const atMs = Date.UTC(2026, 11, day);
              const usage = { ...NO_USAGE, cacheReadTokens };
              const { override } = book.price({ ...place, ...names, usage, atMs });
              const found = override === null ? -1 : overrides.indexOf(override);
              const at = `${endpoint} ${cacheReadTokens}`;
              assert.equal(found, plainChoice(rows, names, at, day));
            }
          }
        }
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(refused > 20 && accepted > 20, `${refused} refused, ${accepted} accepted`);
});
