import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { modelKey } from './model-key.ts';
import { PRICE_ROWS, UNKNOWN_ROW } from './price-book.ts';
import { createPriceBook, type PriceOverride, type PriceQuery } from './pricing.ts';
import { NO_USAGE, type Usage } from './usage.ts';

const NOV_2026 = Temporal.Instant.from('2026-11-23T12:00:00Z').epochMilliseconds;
const list = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });

function query(model: string, usage: Partial<Usage>, extra: Partial<PriceQuery> = {}): PriceQuery {
  return {
    upstream: 'a',
    provider: 'anthropic',
    endpoint: 'global',
    upstreamModel: model,
    requestedModel: model,
    usage: { ...NO_USAGE, ...usage },
    atMs: NOV_2026,
    ...extra,
  };
}

describe('the list', () => {
  test('one token of the cheapest kind rounds half up, once per event', () => {
    const cost = (usage: Partial<Usage>) =>
      list.price(query('claude-haiku-5-5', usage)).costMicroUsd;
    assert.equal(cost({ cacheReadTokens: 49 }), 0);
    assert.equal(cost({ cacheReadTokens: 50 }), 1);
    // 0.1 + 0.4 micro-USD: rounding each kind would have lost both.
    assert.equal(cost({ inputTokens: 1, cacheReadTokens: 40 }), 1);
  });

  test('plain integers and BigInts agree, on both sides of 2^53', () => {
    const count = fc.oneof(fc.nat(5_000), fc.nat(20_000_000), fc.nat(1_000_000_000));
    const usages = fc.record({
      ...{ inputTokens: count, outputTokens: count, cacheReadTokens: count },
      ...{ cacheWrite5mTokens: count, cacheWrite1hTokens: count, webSearchRequests: count },
    });
    const { rates } = PRICE_ROWS.find(({ id }) => id === 'claude-opus-4-1') ?? UNKNOWN_ROW;
    fc.assert(
      fc.property(usages, (usage) => {
        const { costMicroUsd } = list.price(query('claude-opus-4-1', usage));
        const millionths =
          BigInt(usage.inputTokens) * BigInt(rates.input) +
          BigInt(usage.outputTokens) * BigInt(rates.output) +
          BigInt(usage.cacheReadTokens) * BigInt(rates.cacheRead) +
          BigInt(usage.cacheWrite5mTokens) * BigInt(rates.cacheWrite5m) +
          BigInt(usage.cacheWrite1hTokens) * BigInt(rates.cacheWrite1h) +
          BigInt(usage.webSearchRequests) * BigInt(rates.webSearch) * 1_000_000n;
        assert.equal(BigInt(costMicroUsd), (millionths + 500_000n) / 1_000_000n);
      }),
    );
  });

  test('the largest counts stay exact and what no integer holds is clamped', () => {
    const priced = list.price(query('claude-opus-4-1', { outputTokens: 120_000_000_000_001 }));
    assert.equal(priced.costMicroUsd, 9_000_000_000_000_075);
    const absurd = list.price(query('claude-opus-4-1', { outputTokens: Number.MAX_SAFE_INTEGER }));
    assert.equal(absurd.costMicroUsd, Number.MAX_SAFE_INTEGER);
  });

  test('Haiku 5.5 costs five times as much above 100 000 prompt tokens, for every token', () => {
    const at = list.price(query('claude-haiku-5-5', { inputTokens: 100_000, outputTokens: 1000 }));
    assert.deepEqual([at.costMicroUsd, at.row], [10_500, 'claude-haiku-5-5']);
    const above = list.price(
      query('claude-haiku-5-5', {
        inputTokens: 1,
        cacheReadTokens: 60_000,
        cacheWrite5mTokens: 20_000,
        cacheWrite1hTokens: 20_000,
        outputTokens: 1000,
      }),
    );
    assert.equal(above.row, 'claude-haiku-5-5/over-100000');
    // (0.5 + 60 000 × 0.05 + 20 000 × 0.625 + 20 000 × 1 + 1000 × 2.5), half up
    assert.equal(above.costMicroUsd, 38_001);
  });

  test('Sonnet 5.5 reads its cache at half the price from 2026-10-07', () => {
    const usage = { cacheReadTokens: 1_000_000 };
    const change = Temporal.Instant.from('2026-10-07T00:00:00Z').epochMilliseconds;
    const before = list.price(query('claude-sonnet-5-5', usage, { atMs: change - 1 }));
    const after = list.price(query('claude-sonnet-5-5', usage, { atMs: change }));
    assert.deepEqual([before.costMicroUsd, before.row], [200_000, 'claude-sonnet-5-5']);
    assert.deepEqual([after.costMicroUsd, after.row], [100_000, 'claude-sonnet-5-5@2026-10-07']);
  });

  test('an unknown model costs the unknown rate and says so', () => {
    const priced = list.price(query('gpt-4', { inputTokens: 1_000_000 }));
    assert.deepEqual(
      [priced.costMicroUsd, priced.row, priced.known],
      [5_000_000, 'unknown', false],
    );
  });

  test('the id that was sent decides, then the id that was asked for', () => {
    const usage = { inputTokens: 1_000_000 };
    const mapped = query('claude-haiku-4-5', usage, { requestedModel: 'claude-opus-4-8' });
    assert.equal(list.price(mapped).costMicroUsd, 1_000_000);
    const opaque = query('arn:xyz', usage, { requestedModel: 'claude-opus-4-1' });
    assert.equal(list.price(opaque).costMicroUsd, 15_000_000);
  });
});

describe('Vertex AI', () => {
  const million = { inputTokens: 1_000_000, cacheReadTokens: 1_000_000, webSearchRequests: 1 };
  for (const [model, endpoint, micro] of [
    ['claude-opus-5-5', 'global', 4_210_000],
    ['claude-opus-5-5', 'regional', 4_630_000],
    ['claude-opus-5-5', 'multi_region', 4_630_000],
    ['claude-sonnet-4-5@20250929', 'regional', 3_640_000],
    ['claude-haiku-4-5@20251001', 'regional', 1_220_000],
    ['claude-opus-4-5@20251101', 'regional', 6_060_000],
    ['claude-opus-4-1@20250805', 'regional', 16_510_000],
    ['claude-sonnet-4@20250514', 'regional', 3_310_000],
    ['claude-3-5-haiku@20241022', 'multi_region', 890_000],
  ] as const) {
    test(`${model} at a ${endpoint} endpoint costs ${micro} micro-USD`, () => {
      const priced = list.price(query(model, million, { provider: 'vertex', endpoint }));
      assert.equal(priced.costMicroUsd, micro);
    });
  }

  test('the premium is Google’s: a regional endpoint elsewhere costs the list price', () => {
    const elsewhere = query('claude-opus-5-5', million, { endpoint: 'regional' });
    assert.equal(list.price(elsewhere).costMicroUsd, 4_210_000);
  });

  test('tier, speed and region multiply', () => {
    const priced = list.price(
      query(
        'claude-haiku-5-5',
        { inputTokens: 200_000, speed: 'fast' },
        { provider: 'vertex', endpoint: 'regional' },
      ),
    );
    assert.deepEqual(
      [priced.costMicroUsd, priced.row],
      [110_000, 'claude-haiku-5-5/over-100000/regional'],
    );
  });
});

describe('overrides and multiplier', () => {
  function row(upstream: string, model: string, times: number): PriceOverride {
    return {
      upstream,
      model,
      inputMicroUsdPerMTok: times * 1_000_000,
      outputMicroUsdPerMTok: times * 2_000_000,
      cacheReadMicroUsdPerMTok: times * 3_000_000,
      cacheWriteMicroUsdPerMTok: times * 4_000_000,
    };
  }
  const overrides = [
    row('a', 'claude-opus-4-8', 100),
    row('a', 'arn:xyz', 9),
    row('a', 'claude-sonnet-4-5', 11),
    row('b', 'claude-haiku-4-5', 13),
  ];
  const half = createPriceBook({ overrides, multiplierMillionths: 500_000 });
  const input = { inputTokens: 1_000_000 };

  for (const [name, asked, expectedCents] of [
    ['input', query('claude-opus-4-8', input), 5000],
    ['output', query('claude-opus-4-8', { outputTokens: 1_000_000 }), 10_000],
    ['cache read', query('claude-opus-4-8', { cacheReadTokens: 1_000_000 }), 15_000],
    ['cache write', query('claude-opus-4-8', { cacheWrite5mTokens: 1_000_000 }), 20_000],
    ['cache write 1 h', query('claude-opus-4-8', { cacheWrite1hTokens: 1_000_000 }), 20_000],
    ['fast', query('claude-opus-4-8', { ...input, speed: 'fast' }), 5000],
    ['web search is not replaced', query('claude-opus-4-8', { webSearchRequests: 10 }), 5],
    ['no row: list price', query('claude-sonnet-4-6', input), 150],
    ['exact upstream string', query('arn:xyz', input, { requestedModel: 'alias-x' }), 450],
    [
      'client id over a recognised upstream id',
      query('arn:abc', input, { requestedModel: 'claude-sonnet-4-5' }),
      550,
    ],
    ['another spelling', query('us.anthropic.claude-opus-4-8', input), 5000],
    ['other upstream, no row', query('claude-opus-4-8', input, { upstream: 'b' }), 250],
    ['other upstream, its row', query('claude-haiku-4-5@20251001', input, { upstream: 'b' }), 650],
    ['a row of another upstream', query('claude-haiku-4-5', input), 50],
  ] as const) {
    test(`${name}: ${expectedCents} cents`, () => {
      assert.equal(half.price(asked).costMicroUsd, expectedCents * 10_000);
    });
  }

  test('the exact upstream string goes before the client id', () => {
    const both = query('arn:xyz', input, { requestedModel: 'claude-sonnet-4-5' });
    assert.equal(half.price(both).row, 'override/a/arn:xyz');
  });

  test('an override knows no regional premium: its rate is the operator’s word', () => {
    const book = createPriceBook({ overrides, multiplierMillionths: 1_000_000 });
    const regional = query('claude-opus-4-8', input, { provider: 'vertex', endpoint: 'regional' });
    assert.equal(book.price(regional).costMicroUsd, 100_000_000);
  });

  test('the version tells two configurations apart, and only those', () => {
    assert.match(list.version, /^\d{4}-\d{2}-\d{2}$/);
    assert.match(half.version, /^\d{4}-\d{2}-\d{2}\+[0-9a-f]{8}$/);
    const same = createPriceBook({ overrides, multiplierMillionths: 500_000 });
    const other = createPriceBook({ overrides, multiplierMillionths: 500_001 });
    assert.equal(same.version, half.version);
    assert.notEqual(other.version, half.version);
  });
});

test('digits that are neither a version nor a date make another model', () => {
  assert.equal(modelKey('claude-opus-4-8-20270101'), 'opus 4.8');
  assert.equal(modelKey('claude-opus-4-20250514'), 'opus 4.0');
  assert.equal(modelKey('claude-opus-4-100'), null);
  assert.equal(modelKey('claude-opus-4.8'), null);
  assert.equal(modelKey('claude-opus-41'), 'opus 41.0');
  assert.equal(modelKey('notclaude-opus-4-8'), null);
});
