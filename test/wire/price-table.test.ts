// Every row of the reference price table (design/prices.md §6) with every prompt length, mixture of
// cache tokens, speed, endpoint and multiplier, against plain arithmetic that knows nothing of the book.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRICE_ROWS } from '#shared/domain/price-book.ts';
import { createPriceBook, type EndpointClass } from '#shared/domain/pricing.ts';
import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';

const NOV = '2026-11-23';
const OCT_6 = '2026-10-06';

/** Ids, then USD per million: input, output, write 5 m, write 1 h, cache read; what bends them; when. */
const TABLE = `
claude-fable-5-2 claude-mythos-5-2                    | 8    40  10    16  0.20 | premium fast2
claude-fable-5-1 claude-mythos-5-1                    | 10   50  12.50 20  0.25 | premium
claude-fable-5 claude-mythos-5 claude-fable-5-0       | 10   50  12.50 20  1.00 | premium
claude-opus-5-5 us.anthropic.claude-opus-5-5          | 4    20  5     8   0.20 | premium fast2
claude-opus-5 claude-opus-4-8 claude-opus-4-8@default | 5    25  6.25  10  0.50 | premium fast2
claude-opus-4-7 claude-opus-4-6                       | 5    25  6.25  10  0.50 | premium fast6
claude-opus-4-5-20251101 claude-opus-4-5@20251101     | 5    25  6.25  10  0.50 | premium
claude-opus-4-1-20250805 claude-opus-4@20250514       | 15   75  18.75 30  1.50 |
claude-sonnet-5-5                                     | 2    10  2.50  4   0.20 | premium before
claude-sonnet-5-5 my-claude-sonnet-5-5-deployment     | 2    10  2.50  4   0.10 | premium
claude-sonnet-5                                       | 2    10  2.50  4   0.20 | premium
claude-sonnet-4-6 claude-sonnet-4-5@20250929          | 3    15  3.75  6   0.30 | premium
claude-sonnet-4-20250514 claude-3-7-sonnet@20250219   | 3    15  3.75  6   0.30 |
claude-3-5-sonnet-20241022                            | 3    15  3.75  6   0.30 |
claude-haiku-5-5 eu.anthropic.claude-haiku-5-5        | 0.10 0.50 0.125 0.20 0.01 | premium long5
claude-haiku-4-5@20251001 claude-haiku-4-5            | 1    5   1.25  2   0.10 | premium
claude-3-5-haiku-20241022                             | 0.80 4   1     1.60 0.08 |
claude-3-opus-20240229 gpt-4 claude-haiku-6 arn:aws:x | 5    25  6.25  10  0.50 | unknown
`;

interface TableRow {
  readonly ids: readonly string[];
  /** Millionths of a dollar for a million tokens. */
  readonly rates: readonly bigint[];
  readonly marks: ReadonlySet<string>;
}

const rows: TableRow[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [ids, rates, marks] = line.split('|').map((part) => part.trim().split(/\s+/));
    return {
      ids: ids ?? [],
      rates: (rates ?? []).map(millionths),
      marks: new Set(marks),
    };
  });

const PROMPTS = [1, 99_999, 100_000, 100_001, 1_000_000];
/** How a prompt is made up: hundredths of cache read, write 5 m and write 1 h; the rest is input. */
const MIXTURES = [
  [0, 0, 0],
  [100, 0, 0],
  [0, 100, 0],
  [0, 0, 100],
  [97, 2, 0],
  [31, 17, 23],
  [0, 50, 50],
] as const;
const SPEEDS = ['standard', 'fast'] as const;
const PLACES: readonly (readonly [provider: string, endpoint: EndpointClass])[] = [
  ['anthropic', 'global'],
  ['vertex', 'global'],
  ['vertex', 'regional'],
  ['vertex', 'multi_region'],
];
const MULTIPLIERS = ['1', '0.5', '0.85', '1.5', '0.333333', '0.000001'];

const books = MULTIPLIERS.map((multiplier) => {
  const factor = millionths(multiplier);
  return { factor, book: createPriceBook({ overrides: [], multiplierMillionths: Number(factor) }) };
});

for (const { ids, rates, marks } of rows) {
  const atMs = Temporal.Instant.from(`${marks.has('before') ? OCT_6 : NOV}T23:59:59Z`);
  for (const id of ids) {
    test(`${id}${marks.has('before') ? ` on ${OCT_6}` : ''}`, () => {
      for (const usage of usages()) {
        for (const [provider, endpoint] of PLACES) {
          for (const { factor, book } of books) {
            const priced = book.price({
              ...{ upstream: 'u', provider, endpoint, usage, atMs: atMs.epochMilliseconds },
              ...{ upstreamModel: id, requestedModel: id },
            });
            const expected = plainCost({ rates, marks, usage, endpoint, factor });
            if (BigInt(priced.costMicroUsd) === expected) continue;
            assert.fail(
              `${priced.costMicroUsd}, not ${expected}: ${endpoint} ${factor} ${JSON.stringify(usage)}`,
            );
          }
        }
      }
      const names = { upstreamModel: id, requestedModel: id };
      const place = { upstream: 'u', provider: 'vertex', endpoint: 'regional' } as const;
      const query = { ...place, ...names, usage: NO_USAGE, atMs: atMs.epochMilliseconds };
      assert.equal(books[0]?.book.price(query).known, !marks.has('unknown'));
    });
  }
}

test('no row of the book is missing above, and each says where it is from', () => {
  const used = new Set<string>();
  const at = (date: string) => Temporal.Instant.from(`${date}T12:00:00Z`).epochMilliseconds;
  for (const { ids } of rows) {
    for (const id of ids) {
      for (const usage of usages()) {
        for (const [provider, endpoint] of PLACES) {
          for (const date of [OCT_6, NOV]) {
            const query = { upstream: 'u', provider, endpoint, usage, atMs: at(date) };
            const names = { upstreamModel: id, requestedModel: id };
            used.add(books[0]?.book.price({ ...query, ...names }).row ?? '');
          }
        }
      }
    }
  }
  assert.deepEqual(
    PRICE_ROWS.map(({ id }) => id).filter((id) => !used.has(id)),
    [],
  );
  assert.equal(new Set(PRICE_ROWS.map(({ id }) => id)).size, PRICE_ROWS.length);
  assert.deepEqual(
    PRICE_ROWS.filter(({ sources }) => sources.length === 0),
    [],
  );
});

function usages(): Usage[] {
  return PROMPTS.flatMap((tokens) =>
    MIXTURES.flatMap(([read, write5m, write1h]) =>
      SPEEDS.map((speed) => {
        const part = (hundredths: number) => Math.floor((tokens * hundredths) / 100);
        const cached = part(read) + part(write5m) + part(write1h);
        return {
          ...NO_USAGE,
          inputTokens: tokens - cached,
          outputTokens: 777,
          cacheReadTokens: part(read),
          cacheWrite5mTokens: part(write5m),
          cacheWrite1hTokens: part(write1h),
          webSearchRequests: tokens % 3,
          webFetchRequests: 5,
          codeExecutionRequests: 5,
          speed,
        };
      }),
    ),
  );
}

function plainCost(facts: {
  readonly rates: readonly bigint[];
  readonly marks: ReadonlySet<string>;
  readonly usage: Usage;
  readonly endpoint: EndpointClass;
  readonly factor: bigint;
}): bigint {
  const { rates, marks, usage } = facts;
  const counts = [
    usage.inputTokens,
    usage.outputTokens,
    usage.cacheWrite5mTokens,
    usage.cacheWrite1hTokens,
    usage.cacheReadTokens,
  ].map(BigInt);
  let millionthsOfMicro = 0n;
  counts.forEach((count, i) => {
    millionthsOfMicro += count * (rates[i] ?? 0n);
  });
  const prompt = counts.reduce((all, count) => all + count, 0n) - (counts[1] ?? 0n);
  if (marks.has('long5') && prompt > 100_000n) millionthsOfMicro *= 5n;
  if (usage.speed === 'fast' && marks.has('fast2')) millionthsOfMicro *= 2n;
  if (usage.speed === 'fast' && marks.has('fast6')) millionthsOfMicro *= 6n;
  // In tenths from here on: a regional endpoint costs eleven of them.
  millionthsOfMicro *= facts.endpoint !== 'global' && marks.has('premium') ? 11n : 10n;
  millionthsOfMicro += BigInt(usage.webSearchRequests) * 10_000n * 1_000_000n * 10n;
  const scaled = millionthsOfMicro * facts.factor;
  const micro = 10n * 1_000_000n * 1_000_000n;
  return scaled / micro + (2n * (scaled % micro) >= micro ? 1n : 0n);
}

/** `0.125` → 125 000. */
function millionths(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}
