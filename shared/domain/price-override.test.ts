import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { overrideId, simpleOverrides } from './price-override.ts';
import { createPriceBook, type PriceOverride, type PriceQuery } from './pricing.ts';
import { NO_USAGE, type Usage } from './usage.ts';

const DEC = Temporal.Instant.from('2026-12-01T00:00:00Z').epochMilliseconds;
const JAN = Temporal.Instant.from('2027-01-01T00:00:00Z').epochMilliseconds;

function row(usdPerMTok: number, more: Partial<PriceOverride> = {}): PriceOverride {
  const rate = usdPerMTok * 1_000_000;
  return {
    ...{ upstream: 'a', model: 'mine', inputMicroUsdPerMTok: rate, outputMicroUsdPerMTok: rate },
    ...{ cacheReadMicroUsdPerMTok: rate, cacheWriteMicroUsdPerMTok: rate },
    ...more,
  };
}

function bookOf(...overrides: PriceOverride[]) {
  return createPriceBook({ overrides, multiplierMillionths: 1_000_000 });
}

function query(usage: Partial<Usage>, more: Partial<PriceQuery> = {}): PriceQuery {
  return {
    ...{ upstream: 'a', provider: 'vertex', endpoint: 'global', atMs: DEC },
    ...{ upstreamModel: 'opaque', requestedModel: 'mine' },
    usage: { ...NO_USAGE, ...usage },
    ...more,
  };
}

describe('dates', () => {
  const book = bookOf(row(1, { untilMs: DEC }), row(2, { fromMs: DEC, untilMs: JAN }));
  const usage = { inputTokens: 1_000_000 };

  test('hold from their first instant and end before their last', () => {
    const priceAt = (atMs: number) => {
      const { costMicroUsd, row: id, known } = book.price(query(usage, { atMs }));
      return [costMicroUsd, id, known];
    };
    assert.deepEqual(priceAt(0), [1_000_000, 'override/a/mine', true]);
    assert.deepEqual(priceAt(DEC - 1), [1_000_000, 'override/a/mine', true]);
    assert.deepEqual(priceAt(DEC), [2_000_000, 'override/a/mine@2026-12-01T00:00:00Z', true]);
    assert.deepEqual(priceAt(JAN - 1), [2_000_000, 'override/a/mine@2026-12-01T00:00:00Z', true]);
    assert.deepEqual(priceAt(JAN), [5_000_000, 'unknown', false]);
  });

  test('where no row holds, the next less specific name and then the list decide', () => {
    const more = { fromMs: DEC, untilMs: JAN };
    const dated = bookOf(
      row(1, { model: 'us.anthropic.claude-opus-4-8', ...more }),
      row(2, { model: 'asked', ...more, untilMs: JAN + 1 }),
      row(3, { model: 'claude-opus-4-8', untilMs: DEC }),
      row(4, { model: 'claude-opus-4-8', fromMs: JAN + 1, untilMs: JAN + 2 }),
    );
    const names = { upstreamModel: 'us.anthropic.claude-opus-4-8', requestedModel: 'asked' };
    const at = (atMs: number) => dated.price(query(usage, { ...names, atMs })).costMicroUsd;
    assert.deepEqual(
      [DEC - 1, DEC, JAN, JAN + 1, JAN + 2].map((atMs) => at(atMs) / 1_000_000),
      [3, 1, 2, 4, 5],
    );
  });
});

describe('rates', () => {
  test('of their own for 1 h cache writes and web searches, else the other write and the list', () => {
    const own = bookOf(row(1, { cacheWrite1hMicroUsdPerMTok: 7_000_000, webSearchMicroUsd: 3 }));
    const plain = bookOf(row(1));
    const cost = (book: typeof own, usage: Partial<Usage>) => book.price(query(usage)).costMicroUsd;
    for (const [usage, expectedOwn, expectedPlain] of [
      [{ cacheWrite5mTokens: 1000 }, 1000, 1000],
      [{ cacheWrite1hTokens: 1000 }, 7000, 1000],
      [{ webSearchRequests: 2 }, 6, 20_000],
      [{ cacheWrite1hTokens: 1000, speed: 'fast' }, 7000, 1000],
    ] as const) {
      assert.deepEqual([cost(own, usage), cost(plain, usage)], [expectedOwn, expectedPlain]);
    }
  });
});

describe('endpoint and prompt length', () => {
  const book = bookOf(
    row(1),
    row(2, { abovePromptTokens: 1000 }),
    row(3, { abovePromptTokens: 5000 }),
    row(4, { endpoint: 'regional', abovePromptTokens: 5000 }),
    row(5, { endpoint: 'multi_region', abovePromptTokens: 5000 }),
  );

  for (const [tokens, endpoint, id] of [
    [1000, 'global', 'override/a/mine'],
    [1001, 'global', 'override/a/mine/over-1000'],
    [5000, 'regional', 'override/a/mine/over-1000'],
    [5001, 'global', 'override/a/mine/over-5000'],
    [5001, 'regional', 'override/a/mine/over-5000/regional'],
    [5001, 'multi_region', 'override/a/mine/over-5000/multi-region'],
  ] as const) {
    test(`${tokens} tokens at a ${endpoint} endpoint: ${id}`, () => {
      // The whole prompt counts, not its input alone; every token is charged, the answer's too.
      const usage = { inputTokens: 1, cacheReadTokens: tokens - 1, outputTokens: 10 };
      assert.equal(book.price(query(usage, { endpoint })).row, id);
    });
  }

  test('above, the answer costs the row’s price too', () => {
    const usage = { cacheReadTokens: 1001, outputTokens: 10 };
    assert.equal(book.price(query(usage)).costMicroUsd, 2022);
  });

  test('names tell all rows apart', () => {
    const ids = [
      row(1),
      row(1, { fromMs: DEC }),
      row(1, { endpoint: 'global' }),
      row(1, { endpoint: 'global', fromMs: DEC, abovePromptTokens: 1 }),
    ].map(overrideId);
    assert.equal(new Set(ids).size, ids.length);
  });
});

test('a client, which knows one price per model, is told what holds now for any prompt', () => {
  const overrides = [
    row(1, { untilMs: DEC }),
    row(2, { fromMs: DEC, endpoint: 'regional' }),
    row(3, { fromMs: DEC }),
    row(4, { fromMs: DEC, abovePromptTokens: 9 }),
    row(5, { endpoint: 'global' }),
    row(6, { fromMs: JAN }),
  ];
  const told = simpleOverrides(overrides, DEC, () => 'regional');
  assert.deepEqual(
    told.map((one) => one.inputMicroUsdPerMTok / 1_000_000),
    [3, 2],
  );
});

test('options that are left out do not change the version of a book', () => {
  assert.equal(bookOf(row(1)).version, '2026-10-24+4240ab77');
  assert.notEqual(bookOf(row(1, { fromMs: DEC })).version, bookOf(row(1)).version);
});
