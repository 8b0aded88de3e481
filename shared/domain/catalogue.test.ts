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

describe('at Amazon', () => {
  const bedrock = (region: string): UpstreamRef => ({ ...ANTHROPIC, provider: 'bedrock', region });

  for (const [region, prefix] of [
    ['us-east-1', 'us.'],
    ['ca-central-1', 'us.'],
    ['us-gov-west-1', 'us-gov.'],
    ['eu-central-1', 'eu.'],
    ['ap-northeast-1', 'jp.'],
    ['ap-northeast-3', 'jp.'],
    ['ap-southeast-2', 'au.'],
    ['ap-southeast-4', 'au.'],
    ['ap-south-1', ''],
    ['sa-east-1', ''],
  ] as const) {
    test(`Bedrock in ${region} is asked for ${prefix || 'the bare model'}`, () => {
      const { upstreamId } = builtins;
      const at = bedrock(region);
      assert.equal(upstreamId('claude-opus-4-8', at), `${prefix}anthropic.claude-opus-4-8`);
      const opus = upstreamId('us.anthropic.claude-opus-4-6-v1', at);
      assert.equal(opus, `${prefix}anthropic.claude-opus-4-6-v1`);
      const haiku = `${prefix}anthropic.claude-haiku-4-5-20251001-v1:0`;
      assert.equal(upstreamId('claude-haiku-4-5', at), haiku);
    });
  }

  test('the last models with a profile for all of Asia and the Pacific are asked for by it', () => {
    for (const region of ['ap-northeast-1', 'ap-southeast-2', 'ap-south-1']) {
      const id = builtins.upstreamId('claude-sonnet-4', bedrock(region));
      assert.equal(id, 'apac.anthropic.claude-sonnet-4-20250514-v1:0');
    }
  });

  test('every id that Bedrock is asked for is a spelling of the model', () => {
    for (const { id } of BUILTIN_MODELS) {
      for (const region of ['us-east-1', 'eu-west-1', 'ap-northeast-1', 'sa-east-1']) {
        const sent = builtins.upstreamId(id, bedrock(region)) ?? assert.fail();
        assert.equal(builtins.upstreamId(sent, ANTHROPIC), id);
      }
    }
  });

  test('Mantle has undated names, and Anthropic’s API there its own ids', () => {
    for (const [requested, mantle, own] of [
      ['claude-opus-4-8', 'anthropic.claude-opus-4-8', 'claude-opus-4-8'],
      ['claude-haiku-4-5', 'anthropic.claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
    ] as const) {
      assert.equal(builtins.upstreamId(requested, { ...ANTHROPIC, provider: 'mantle' }), mantle);
      assert.equal(builtins.upstreamId(requested, { ...ANTHROPIC, provider: 'anthropicAws' }), own);
    }
  });

  test('an ARN of the operator wins over the region', () => {
    const arn = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/x';
    const models = [configured('claude-opus-4-8', { a: arn })];
    const catalogue = createCatalogue({ models, autoIncludeBuiltinModels: true });
    assert.equal(catalogue.upstreamId('claude-opus-4-8', bedrock('us-east-1')), arn);
  });
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
