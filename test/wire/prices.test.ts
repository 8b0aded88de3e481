// Every figure of the reference gateway's measured price table, replayed to the micro-USD.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { createPriceBook } from '#shared/domain/pricing.ts';
import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';

interface Figures {
  input: number;
  output: number;
  cache_read: number;
  cache_write_5m?: number;
  cache_write_1h?: number;
}

interface Captured {
  models: Record<string, Figures>;
  unknown_model_tier: Figures;
  fast_mode: { rates: Record<string, Figures> };
  long_context: { measured_cents: Record<string, Record<string, number>> };
  id_forms_recognised: Record<string, Figures>;
  id_forms_not_recognised: string[];
}

const captured = JSON.parse(
  readFileSync(new URL('captures/prices.json', import.meta.url), 'utf8'),
) as Captured;
const book = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });

function price(model: string, usage: Partial<Usage>) {
  return book.price({
    upstream: 'a',
    provider: 'anthropic',
    endpoint: 'global',
    upstreamModel: model,
    requestedModel: model,
    usage: { ...NO_USAGE, ...usage },
    atMs: Temporal.Instant.from('2026-11-23T12:00:00Z').epochMilliseconds,
  });
}

// 100 000 tokens of one kind, as the reference was measured: not above the tier of Haiku 5.5.
const KINDS = [
  ['input', 'inputTokens'],
  ['output', 'outputTokens'],
  ['cache_read', 'cacheReadTokens'],
  ['cache_write_5m', 'cacheWrite5mTokens'],
  ['cache_write_1h', 'cacheWrite1hTokens'],
] as const;

function assertRates(model: string, figures: Figures, speed: Usage['speed']): void {
  for (const [kind, field] of KINDS) {
    const usdPerMillion = figures[kind];
    if (usdPerMillion === undefined) continue;
    const { costMicroUsd } = price(model, { [field]: 100_000, speed });
    assert.equal(costMicroUsd, Math.round(usdPerMillion * 100_000), `${model} ${kind} ${speed}`);
  }
}

describe('the reference’s prices', () => {
  for (const [model, figures] of Object.entries(captured.models)) {
    test(`${model} at standard speed`, () => assertRates(model, figures, 'standard'));
  }

  for (const [model, figures] of Object.entries(captured.fast_mode.rates)) {
    test(`${model} where the answer says fast`, () => assertRates(model, figures, 'fast'));
  }

  for (const [id, figures] of Object.entries(captured.id_forms_recognised)) {
    test(`${id} is recognised`, () => {
      assertRates(id, figures, 'standard');
      assert.equal(price(id, {}).known, true);
    });
  }

  test('what the reference cannot place costs the unknown rate', () => {
    assert.ok(captured.id_forms_not_recognised.length > 100);
    for (const id of captured.id_forms_not_recognised) {
      assert.equal(price(id, {}).known, false, id);
      assertRates(id, captured.unknown_model_tier, 'standard');
    }
  });

  for (const [model, rows] of Object.entries(captured.long_context.measured_cents)) {
    test(`${model} has no surcharge for long prompts`, () => {
      for (const [text, cents] of Object.entries(rows)) {
        const usage = longUsage(text);
        assert.equal(price(model, usage).costMicroUsd, Math.round(cents * 10_000), text);
      }
    });
  }

  test('web search costs a cent, fetches and code execution nothing', () => {
    const usage = { webSearchRequests: 3, webFetchRequests: 3, codeExecutionRequests: 3 };
    assert.equal(price('claude-opus-4-8', usage).costMicroUsd, 30_000);
  });

  test('a mixed request costs what /effective showed for it', () => {
    const usage = {
      inputTokens: 100_000,
      outputTokens: 10_000,
      cacheReadTokens: 10_000,
      cacheWrite5mTokens: 10_000,
    };
    assert.equal(price('claude-opus-4-8', usage).costMicroUsd, 817_500);
    assert.equal(price('claude-fable-5-2', usage).costMicroUsd, 1_302_000);
    assert.equal(price('claude-sonnet-4-6', usage).costMicroUsd, 490_500);
    // 120 000 prompt tokens: above the tier, every token at five times the rate.
    assert.equal(price('claude-haiku-5-5', usage).costMicroUsd, 81_750);
  });
});

function longUsage(text: string): Partial<Usage> {
  const count = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    inputTokens: count(/^(\d+) in/) || count(/^(\d+)/),
    cacheReadTokens: count(/(\d+) cacheRead/),
    outputTokens: count(/\+ (\d+) out/) || (text.includes('1m beta') ? 1000 : 0),
  };
}
