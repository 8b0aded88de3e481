import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BUILTIN_MODELS } from './builtin-models.ts';
import { type ConfiguredModel, createCatalogue, type UpstreamRef } from './catalogue.ts';

const ANTHROPIC: UpstreamRef = { name: 'a', provider: 'anthropic', models: null, groups: null };
const VERTEX: UpstreamRef = { name: 'v', provider: 'vertex', models: null, groups: null };
const builtins = createCatalogue({ models: [], autoIncludeBuiltinModels: true });

function configured(id: string, upstreamModel: Record<string, string>): ConfiguredModel {
  return { id, label: null, description: null, upstreamModel };
}

describe('built-in models', () => {
  test('the list is the fifteen built-ins in their order, with their context windows', () => {
    const listed = builtins.list().map(({ id, maxInputTokens }) => [id, maxInputTokens]);
    assert.equal(listed.length, 15);
    assert.deepEqual(listed[0], ['claude-opus-4-6', null]);
    assert.deepEqual(listed[2], ['claude-haiku-4-5-20251001', 200_000]);
    assert.deepEqual(listed[14], ['claude-haiku-5-5', 1_000_000]);
  });

  for (const [requested, anthropic, vertex] of [
    ['claude-opus-4-8', 'claude-opus-4-8', 'claude-opus-4-8'],
    ['CLAUDE-HAIKU-4-5', 'claude-haiku-4-5-20251001', 'claude-haiku-4-5@20251001'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-5@20250929'],
    ['claude-sonnet-4-5@20250929', 'claude-sonnet-4-5-20250929', 'claude-sonnet-4-5@20250929'],
    [
      'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'claude-sonnet-4-5-20250929',
      'claude-sonnet-4-5@20250929',
    ],
    ['anthropic.claude-opus-4-6-v1', 'claude-opus-4-6', 'claude-opus-4-6'],
    ['claude-opus-4-1', 'claude-opus-4-1-20250805', 'claude-opus-4-1@20250805'],
    ['claude-3-5-haiku-20241022', 'claude-3-5-haiku-20241022', 'claude-3-5-haiku@20241022'],
    ['claude-3-7-sonnet', 'claude-3-7-sonnet-20250219', 'claude-3-7-sonnet@20250219'],
    ['claude-opus-4', 'claude-opus-4-20250514', 'claude-opus-4@20250514'],
    ['claude-sonnet-4-20250514', 'claude-sonnet-4-20250514', 'claude-sonnet-4@20250514'],
    ['claude-opus-4-5', 'claude-opus-4-5-20251101', 'claude-opus-4-5@20251101'],
  ] as const) {
    test(`${requested} is sent as ${anthropic} and, on Vertex AI, as ${vertex}`, () => {
      assert.equal(builtins.upstreamId(requested, ANTHROPIC), anthropic);
      assert.equal(builtins.upstreamId(requested, VERTEX), vertex);
    });
  }

  for (const requested of [
    'claude-opus-4-8[1m]',
    'haiku',
    'opus',
    'default',
    'claude-haiku-4-5-latest',
    'claude-haiku-4-5-20991231',
    'claude-opus-4-8-20260101',
    'claude-opus-4-8@default',
    'anthropic/claude-haiku-4-5',
    ' claude-haiku-4-5',
    'claude-2.1',
    '__proto__',
    '',
  ]) {
    test(`${JSON.stringify(requested)} is no model`, () => {
      assert.equal(builtins.find(requested), null);
      assert.equal(builtins.upstreamId(requested, ANTHROPIC), null);
    });
  }
});

describe('configured models', () => {
  const models = [
    { ...configured('claude-opus-4-8', { a: 'opus-on-a' }), label: 'Opus!', description: 'desc' },
    configured('my-alias', { v: 'claude-sonnet-4-6' }),
    configured('claude-opus-4-8', { a: 'second' }),
  ];
  const catalogue = createCatalogue({ models, autoIncludeBuiltinModels: true });

  test('stand first in the list and take the place of the built-in with the same id', () => {
    const ids = catalogue.list().map(({ id }) => id);
    assert.deepEqual(ids.slice(0, 3), ['claude-opus-4-8', 'my-alias', 'claude-opus-4-6']);
    assert.equal(ids.length, 16);
    assert.deepEqual(catalogue.list()[0], {
      id: 'claude-opus-4-8',
      displayName: 'Opus!',
      description: 'desc',
      maxInputTokens: null,
      family: 'opus',
    });
  });

  test('the first of duplicate rows maps a built-in, and other upstreams keep its own id', () => {
    assert.equal(catalogue.upstreamId('claude-opus-4-8', ANTHROPIC), 'opus-on-a');
    assert.equal(catalogue.upstreamId('us.anthropic.claude-opus-4-8', ANTHROPIC), 'opus-on-a');
    assert.equal(catalogue.upstreamId('claude-opus-4-8', VERTEX), 'claude-opus-4-8');
  });

  test('an id of the operator is served only where it is mapped, in any case', () => {
    assert.equal(catalogue.upstreamId('MY-ALIAS', VERTEX), 'claude-sonnet-4-6');
    assert.equal(catalogue.upstreamId('my-alias', ANTHROPIC), null);
    assert.equal(catalogue.find('opus-on-a'), null);
  });

  test('without the built-ins only configured models exist, under all spellings', () => {
    const own = createCatalogue({
      models: [configured('claude-sonnet-4-5', { a: 'claude-sonnet-4-5' })],
      autoIncludeBuiltinModels: false,
    });
    assert.deepEqual(
      own.list().map(({ id }) => id),
      ['claude-sonnet-4-5'],
    );
    assert.equal(own.upstreamId('claude-sonnet-4-5-20250929', ANTHROPIC), 'claude-sonnet-4-5');
    assert.equal(own.find('claude-sonnet-4-6'), null);
  });

  test('a spelling beside its built-in is listed beside it', () => {
    const both = createCatalogue({
      models: [configured('claude-sonnet-4-5', { a: 'x' })],
      autoIncludeBuiltinModels: true,
    });
    assert.equal(both.list().length, BUILTIN_MODELS.filter(({ listed }) => listed).length + 1);
  });
});

describe('an upstream with a list of models', () => {
  const only: UpstreamRef = { ...ANTHROPIC, models: ['claude-haiku-4-5', 'claude-sonnet-4-6'] };

  test('serves those models in every spelling and no other', () => {
    assert.equal(
      builtins.upstreamId('claude-haiku-4-5-20251001', only),
      'claude-haiku-4-5-20251001',
    );
    assert.equal(builtins.upstreamId('claude-opus-5', only), null);
  });

  test('an upstream named like a property of every object maps nothing', () => {
    const odd: UpstreamRef = { ...VERTEX, name: 'constructor' };
    assert.equal(builtins.upstreamId('claude-opus-5', odd), 'claude-opus-5');
  });
});
