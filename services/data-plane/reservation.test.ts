import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MicroUsd } from '#shared/domain/money.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import type { Limit } from '#shared/domain/quota.ts';
import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';
import { NO_REACH } from './prompt-reach.ts';
import {
  createEstimator,
  type Estimator,
  heldBack,
  type ReservationMode,
  type ReservationQuery,
} from './reservation.ts';
import { likelyTokens, tokenBounds } from './token-density.ts';

const book = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });
const AT_MS = Temporal.Instant.from('2026-11-23T12:00:00Z').epochMilliseconds;

function query(model: string, promptBytes: number, maxTokens = 8_000): ReservationQuery {
  return {
    mode: 'estimate',
    promptBytes,
    bounds: tokenBounds(maxTokens, 1_000_000),
    reach: () => NO_REACH,
    isFast: false,
    requestedModel: model,
    places: [{ upstream: 'a', provider: 'anthropic', endpoint: 'global', upstreamModel: model }],
    book,
    atMs: AT_MS,
  };
}

function observe(to: Estimator, model: string, promptBytes: number, used: Partial<Usage>): void {
  const usage = { ...NO_USAGE, ...used };
  const place = { upstream: 'a', provider: 'anthropic', endpoint: 'global' } as const;
  const asked = { upstreamModel: model, requestedModel: model, usage, atMs: AT_MS };
  const { row } = book.price({ ...place, ...asked });
  to.observe({ requestedModel: model, priceRow: row, promptBytes, usage });
}

const HAIKU = 'claude-haiku-5-5';

describe('an estimate', () => {
  test('knows more tokens in the same bytes from Claude 4.7 on', () => {
    for (const model of ['claude-opus-4-7', 'claude-haiku-5-5', 'us.anthropic.claude-sonnet-5-5']) {
      assert.equal(likelyTokens(model, 4_000), 1_300, model);
    }
    for (const model of ['claude-haiku-4-5-20251001', 'claude-opus-4-6', 'claude-3-7-sonnet']) {
      assert.equal(likelyTokens(model, 4_000), 1_000, model);
    }
    assert.equal(likelyTokens('house-model', 4_000), 1_300);
  });

  test('prices a long prompt by the tier that it falls into, before one was seen', () => {
    const estimator = createEstimator();
    // 97 500 and 104 000 tokens: $0.10 and $0.50 a million; the answer 2 000, and 10 000 more.
    assert.equal(estimator.reserve(query(HAIKU, 300_000)), 9_750 + 1_000 + 1_000);
    assert.equal(estimator.reserve(query(HAIKU, 320_000)), 52_000 + 5_000 + 1_000);
  });

  test('of one tier prices no other', () => {
    const estimator = createEstimator();
    for (let nth = 0; nth < 100; nth += 1) {
      const short = { inputTokens: 1_000, cacheReadTokens: 19_000, outputTokens: 100 };
      observe(estimator, HAIKU, 80_000, short);
    }
    // $0.10 and $0.01 a million to read, $0.50 to write.
    assert.equal(estimator.reserve(query(HAIKU, 80_000)), 100 + 190 + 50);
    const long = estimator.reserve(query(HAIKU, 800_000));
    assert.ok(long >= 130_000, `${long} for 260 000 tokens at $0.50`);
    observe(estimator, HAIKU, 800_000, { cacheReadTokens: 250_000, outputTokens: 100 });
    assert.equal(estimator.reserve(query(HAIKU, 800_000)), 12_500 + 250);
    assert.equal(estimator.reserve(query(HAIKU, 80_000)), 100 + 190 + 50);
  });

  test('of one model prices no other of its family', () => {
    const estimator = createEstimator();
    const before = estimator.reserve(query('claude-opus-4-1-20250805', 40_000));
    observe(estimator, 'claude-opus-5-5', 40_000, { cacheReadTokens: 10_000, outputTokens: 10 });
    assert.equal(estimator.reserve(query('claude-opus-4-1-20250805', 40_000)), before);
  });

  test('follows the places that may serve: the dearest of them', () => {
    const [place] = query('claude-opus-5-5', 40_000).places;
    assert.ok(place);
    const regional = { ...place, provider: 'vertex', endpoint: 'regional' } as const;
    const reserve = (places: ReservationQuery['places']) =>
      createEstimator().reserve({ ...query('claude-opus-5-5', 40_000), places });
    assert.equal(reserve([place, regional]), reserve([regional]));
    assert.ok(reserve([regional]) > reserve([place]));
  });

  test('holds max_tokens and the bytes for bounds', () => {
    const estimator = createEstimator();
    observe(estimator, HAIKU, 1_000, { inputTokens: 300, outputTokens: 60_000 });
    assert.equal(estimator.reserve(query(HAIKU, 1_000, 10)), 30 + 5);
    for (let nth = 0; nth < 50; nth += 1) {
      observe(estimator, HAIKU, 100, { inputTokens: 90_000, outputTokens: 1 });
    }
    const { mode: _mode, ...rest } = query(HAIKU, 40_000, 100);
    const most = estimator.reserve({
      ...rest,
      mode: 'ceiling',
      reach: () => ({ extraTokens: 10_000, webSearches: 0 }),
    });
    assert.equal(estimator.reserve({ ...rest, mode: 'estimate' }), most);
  });

  test('believes a longer answer sooner than a shorter one', () => {
    const model = 'claude-opus-5-5';
    const estimator = createEstimator();
    observe(estimator, model, 1_000, { inputTokens: 1, outputTokens: 100 });
    observe(estimator, model, 1_000, { inputTokens: 1, outputTokens: 4_100 });
    const risen = estimator.reserve(query(model, 1_000));
    // 2 100 tokens at $20 a million, and the prompt.
    assert.equal(risen, 42_000 + 4);
    observe(estimator, model, 1_000, { inputTokens: 1, outputTokens: 100 });
    assert.equal(estimator.reserve(query(model, 1_000)), 37_000 + 4);
  });
});

describe('what is held back of it', () => {
  const limit = (capMicroUsd: number, account: Limit['account'] = 'user:u'): Limit => ({
    ...{ capId: 'c', account, period: 'daily' },
    capMicroUsd: capMicroUsd as MicroUsd,
  });
  const dollar = 1_000_000 as MicroUsd;
  const cases: [string, ReservationMode, Parameters<typeof heldBack>[2], number][] = [
    ['nothing limits it: all', 'estimate', { limits: [], pools: [] }, 1_000_000],
    ['a wide cap: all', 'estimate', { limits: [limit(4_000_000)], pools: [] }, 1_000_000],
    ['a cap: a quarter', 'estimate', { limits: [limit(400_000)], pools: [] }, 100_000],
    ['two: of the tighter', 'estimate', { limits: [limit(8), limit(400_000)], pools: [] }, 2],
    ['the smallest amount is held', 'estimate', { limits: [limit(1)], pools: [] }, 1],
    ['a ceiling is a bound: all', 'ceiling', { limits: [limit(400_000)], pools: [] }, 1_000_000],
    [
      'pools: of the one with most room',
      'estimate',
      {
        limits: [],
        pools: [
          { account: 'pool:a', limits: [limit(40, 'pool:a')] },
          { account: 'pool:b', limits: [limit(800, 'pool:b'), limit(400, 'pool:b')] },
        ],
      },
      100,
    ],
  ];
  for (const [name, mode, charge, expected] of cases) {
    test(name, () => assert.equal(heldBack(mode, dollar, charge), expected));
  }
});
