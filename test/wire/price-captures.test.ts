// What the reference gateway charged and said at boot, replayed: 05a, 05g and 13 of the captures.
// Where this gateway differs on purpose, the capture is named in ON_PURPOSE with the reason.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { renderPath } from '#shared/config/fault.ts';
import { loadConfig } from '#shared/config/load.ts';
import { createCatalogue } from '#shared/domain/catalogue.ts';
import { createPriceBook, type PriceBook } from '#shared/domain/pricing.ts';
import { readReport, toUsage } from '../../services/data-plane/usage-counts.ts';

const ON_PURPOSE: Readonly<Record<string, string>> = {
  negative: 'a count below zero is refused, and the answer billed as one without usage',
  float: 'half a token is refused, and the answer billed as one without usage',
  huge: 'more tokens than any model reads is refused, and the answer billed as one without usage',
  'pricing boot: extra key in row': 'cache_write_1h is a key here',
};

type Json = Record<string, unknown>;
type Rates = Record<string, number>;
interface Entry {
  name: string;
  table?: Record<string, Rates>;
  fast?: Record<string, Rates>;
  rows?: Record<string, Json>;
  cents?: number | Record<string, string>;
  pricing?: Json;
  model?: string;
  usage?: Json;
  up?: boolean;
  error?: string;
  warns?: string[];
}

function captures(name: string): Entry[] {
  const text = readFileSync(new URL(`captures/${name}.jsonl`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry);
}

const ADMIN = { write_keys: [{ id: 'ops', key: 'aaaabbbbccccddddeeeeffff00001111' }] };
const NOV = Temporal.Instant.from('2026-11-23T12:00:00Z').epochMilliseconds;
const list = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });

interface Asked {
  readonly upstream?: string;
  readonly sent: string;
  readonly requested?: string;
  readonly usage: Json;
}

/** Micro-USD of an answer's `usage` as the meter reads it; null: refused. */
function costOf(book: PriceBook, { upstream = 'a', sent, requested, usage }: Asked): number | null {
  const report = readReport(usage, null);
  if (report === null) return null;
  const place = { upstream, provider: 'anthropic', endpoint: 'global' } as const;
  const names = { upstreamModel: sent, requestedModel: requested ?? sent };
  return book.price({ ...place, ...names, usage: toUsage(report), atMs: NOV }).costMicroUsd;
}

const micro = (cents: number) => Math.round(cents * 10_000);

const METERS: Readonly<Record<string, (tokens: number) => Json>> = {
  input: (n) => ({ input_tokens: n }),
  output: (n) => ({ output_tokens: n }),
  cache_read: (n) => ({ cache_read_input_tokens: n }),
  cache_write: (n) => ({ cache_creation_input_tokens: n }),
  std_cache_write: (n) => ({ cache_creation_input_tokens: n }),
  cache_write_5m: (n) => ({ cache_creation: { ephemeral_5m_input_tokens: n } }),
  cache_write_1h: (n) => ({ cache_creation: { ephemeral_1h_input_tokens: n } }),
};

function assertTable(table: Record<string, Rates>, speedOf: (meter: string) => string): void {
  for (const [model, rates] of Object.entries(table)) {
    for (const [meter, usd] of Object.entries(rates)) {
      const usage = { ...METERS[meter]?.(100_000), speed: speedOf(meter) };
      assert.equal(costOf(list, { sent: model, usage }), usd * 100_000, `${model} ${meter}`);
    }
  }
}

describe('05a', () => {
  const [table, long, extras] = captures('05a-pricing');

  test('the table of models, the ones that are unknown among them', () => {
    assert.ok(Object.keys(table?.table ?? {}).length > 30);
    assertTable(table?.table ?? {}, () => 'standard');
  });

  test('long prompts', () => {
    for (const [model, rows] of Object.entries(long?.rows ?? {})) {
      for (const [text, cents] of Object.entries(rows)) {
        assert.equal(costOf(list, { sent: model, usage: longUsage(text) }), micro(Number(cents)));
      }
    }
  });

  for (const [name, row] of Object.entries(extras?.rows ?? {})) {
    test(`${name}${ON_PURPOSE[name] === undefined ? '' : ` (on purpose: ${ON_PURPOSE[name]})`}`, () => {
      const { model, cents, ...counts } = row;
      const sent = name.startsWith('alias opaque') ? 'opaque-string' : String(model);
      const usage = { ...counts, ...extraUsage(name) };
      const cost = costOf(list, { sent, requested: String(model), usage });
      assert.equal(cost, ON_PURPOSE[name] === undefined ? micro(Number(cents)) : null);
    });
  }
});

/** What the capture keeps in the names of its rows. */
function longUsage(text: string): Json {
  const count = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    input_tokens: count(/^(\d+) in/),
    cache_read_input_tokens: count(/(\d+) cacheRead/),
    output_tokens: count(/\+ (\d+) out/) || (text.includes('1m beta') ? 1000 : 0),
  };
}

function extraUsage(name: string): Json {
  const searches: Record<string, number> = {
    'web_search 3': 3,
    'only web_search': 1,
    'stream delta server_tool_use': 2,
  };
  const mixed = { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 1000 };
  const isFast = /^(usage\.speed fast|both fast|stream delta speed fast)/.test(name);
  return {
    ...(searches[name] === undefined
      ? {}
      : { server_tool_use: { web_search_requests: searches[name] } }),
    ...(/^(mixed 5m\+1h|breakdown without total)$/.test(name) ? { cache_creation: mixed } : {}),
    ...(isFast ? { speed: 'fast' } : {}),
  };
}

describe('13', () => {
  const [fast, effective] = captures('13-pricing-crosscheck');

  test('fast mode', () => {
    assertTable(fast?.fast ?? {}, (meter) => (meter === 'std_cache_write' ? 'standard' : 'fast'));
  });

  for (const [model, cents] of Object.entries(effective?.cents ?? {})) {
    test(`a mixed request to ${model}`, () => {
      // 120 000 prompt tokens: above Haiku 5.5's tier, which the reference applies too.
      const usage = {
        ...{ input_tokens: 100_000, output_tokens: 10_000 },
        ...{ cache_read_input_tokens: 10_000, cache_creation_input_tokens: 10_000 },
      };
      assert.equal(costOf(list, { sent: model, usage }), micro(Number(cents)));
    });
  }
});

describe('05g', () => {
  const all = captures('05g-pricing-overrides');

  for (const entry of all.filter(({ name }) => name.startsWith('pricing boot: '))) {
    test(`${entry.name} (${ON_PURPOSE[entry.name] ?? 'as captured'})`, () => {
      const result = load({ pricing: entry.pricing ?? {}, admin: ADMIN });
      const isUp = entry.up === true || ON_PURPOSE[entry.name] !== undefined;
      assert.equal(result.ok, isUp, entry.error ?? '');
      if (result.ok) {
        const kinds = (texts: readonly string[]) => texts.flatMap(kindOf).sort();
        if (entry.warns === undefined) return;
        assert.deepEqual(kinds(result.warnings.map(({ message }) => message)), kinds(entry.warns));
        return;
      }
      const path = /"path": \[([^\]]+)\]/.exec(entry.error ?? '')?.[1] ?? assert.fail();
      const steps = JSON.parse(`[${path}]`) as (string | number)[];
      const where = renderPath(steps);
      const [fault, ...others] = result.faults;
      assert.deepEqual(others, []);
      // An unknown key is told at the key, where the reference names the mapping.
      assert.ok(fault?.path.startsWith(where), `${fault?.message} is not at ${where}`);
    });
  }

  test('pricing without admin', () => {
    const result = load({ pricing: { multiplier: 0.5 } });
    assert.deepEqual(result.ok || result.faults.map(({ path }) => path), ['pricing']);
  });

  const rates = (usd: number, more: Json = {}) => ({
    ...{ input: usd, output: 2 * usd, cache_read: 3 * usd, cache_write: 4 * usd },
    ...more,
  });
  const metered = load({
    admin: ADMIN,
    pricing: {
      multiplier: 0.5,
      overrides: [
        { upstream: 'a', model: 'claude-opus-4-8', ...rates(100) },
        { upstream: 'a', model: 'arn:xyz', ...rates(9) },
        { upstream: 'a', model: 'claude-sonnet-4-5', ...rates(11) },
        { upstream: 'b', model: 'claude-haiku-4-5', ...rates(13) },
      ],
    },
  });
  assert.ok(metered.ok);
  const { config } = metered;
  const catalogue = createCatalogue({
    models: config.models.map(({ id, upstream_model }) => {
      return { id, label: null, description: null, upstreamModel: upstream_model };
    }),
    autoIncludeBuiltinModels: true,
  });
  const book = createPriceBook(config.pricing);

  for (const { name, model = '', usage = {}, cents } of all.filter(
    (one) => one.usage !== undefined,
  )) {
    test(name, () => {
      const upstream = name.includes('failover to b') ? 'b' : 'a';
      const ref = { name: upstream, provider: 'anthropic', models: null, groups: null } as const;
      const sent = catalogue.upstreamId(model, ref);
      assert.ok(sent !== null);
      const cost = costOf(book, { upstream, sent, requested: model, usage });
      assert.equal(cost, micro(Number(cents)));
    });
  }
});

function load(sections: Json) {
  const upstream = (name: string) => ({ name, provider: 'anthropic', auth: { api_key: 'k' } });
  const config = {
    listen: { host: '127.0.0.1' },
    oidc: {
      ...{ issuer: 'https://idp.example.com', client_id: 't', client_secret: 's' },
      allowed_email_domains: ['example.com'],
    },
    session: { jwt_secret: '0123456789abcdef0123456789abcdef' },
    upstreams: [upstream('a'), upstream('b')],
    models: [
      { id: 'alias-x', upstream_model: { a: 'arn:xyz' } },
      { id: 'claude-sonnet-4-5', upstream_model: { a: 'arn:opaque' } },
    ],
    ...sections,
  };
  return loadConfig({ text: JSON.stringify(config) }, { env: {} });
}

function kindOf(warning: string): string[] {
  if (/no exact (rates|price)/.test(warning)) return ['without a price'];
  if (/a markup/.test(warning)) return ['markup'];
  return /never (apply|applies)/.test(warning) ? ['unused'] : [warning];
}
