import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load.ts';

const BASE = `
listen: { host: 127.0.0.1 }
oidc:
  issuer: https://idp.example.com/
  client_id: tallygate
  client_secret: s3cret
  allowed_email_domains: [example.com]
admin: { admin_groups: [admins] }
`;
const UPSTREAMS = 'upstreams: [{ name: a, provider: anthropic, auth: { api_key: k } }]\n';

function load(more: string) {
  const result = loadConfig({ text: BASE + more }, { env: {} });
  assert.ok(result.ok, result.ok ? '' : result.faults.map(({ message }) => message).join('\n'));
  return { ...result, messages: result.warnings.map(({ message }) => message) };
}

test('a plain configuration has nothing doubtful', () => {
  assert.deepEqual(load(UPSTREAMS).messages, []);
});

test('of `cli` and its other name `settings` in one policy, cli wins', () => {
  const { config, messages } = load(`${UPSTREAMS}managed:
  policies: [{ settings: { model: haiku }, cli: { model: opus } }, { settings: { model: haiku } }]
`);
  const settings = config.managed?.policies.map((policy) => policy.settings);
  assert.deepEqual(settings, [{ model: 'opus' }, { model: 'haiku' }]);
  assert.deepEqual(
    messages.filter((message) => message.includes('.settings')),
    ['managed.policies[0].settings: has no effect beside cli, of which it is another name.'],
  );
});

const EXACT = 'input: 5, output: 25, cache_read: 0.5, cache_write: 6.25';

test('a name in upstreams[].models that leads nowhere', () => {
  const { messages } = load(`
upstreams:
  - name: a
    provider: anthropic
    auth: { api_key: k }
    models: [nope, claude-opus-4-8, claude-haiku-4-5, mine, Theirs]
  - { name: b, provider: anthropic, auth: { api_key: k } }
models:
  - { id: mine, upstream_model: { a: claude-opus-4-8 } }
  - { id: theirs, upstream_model: { b: claude-opus-4-8 } }
`);
  assert.deepEqual(messages, [
    'upstreams[0].models[0]: "nope" is no model here; check the spelling, or add it to models.',
    'upstreams[0].models[4]: "Theirs" is never sent here: its upstream_model names other upstreams.',
  ]);
});

test('a built-in model named in upstreams[].models that is not offered at all', () => {
  const { messages } = load(`
upstreams: [{ name: a, provider: anthropic, auth: { api_key: k }, models: [claude-opus-4-8] }]
auto_include_builtin_models: false
`);
  assert.deepEqual(
    messages.map((message) => message.slice(0, 22)),
    ['upstreams[0].models[0]'],
  );
});

test('a model that its upstream leaves out, or that has no exact price', () => {
  const { messages } = load(`
upstreams:
  - { name: a, provider: anthropic, auth: { api_key: k }, models: [claude-opus-4-8] }
  - { name: b, provider: anthropic, auth: { api_key: k } }
models:
  - { id: mine, upstream_model: { a: claude-opus-4-8, b: x-y-z } }
  - { id: my-claude-opus-4-8-deploy, upstream_model: { b: opaque } }
  - { id: priced, upstream_model: { b: arn } }
pricing:
  overrides: [{ upstream: b, model: arn, ${EXACT} }]
`);
  assert.deepEqual(messages, [
    'models[0].upstream_model.a: is never used: "mine" is not in the models of that upstream.',
    'models[0].upstream_model.b: "x-y-z" has no exact price, so it counts at the rate for unknown ' +
      'models; add a row to pricing.overrides.',
  ]);
});

test('a price that nothing can use', () => {
  const rows = [
    ['gpt-4', false],
    ['claude-opus-4-8', true],
    ['us.anthropic.claude-haiku-4-5-20251001-v1:0', true],
    ['mine', false],
    ['arn', true],
  ] as const;
  const { messages } = load(`${UPSTREAMS}
models: [{ id: mine, upstream_model: { a: arn } }]
pricing:
  overrides:
${rows.map(([model]) => `    - { upstream: a, model: ${model}, ${EXACT} }`).join('\n')}
`);
  const unused = rows.flatMap(([model, isUsed], index) =>
    isUsed
      ? []
      : [
          `pricing.overrides[${index}]: never applies: nothing that is sent to "a" is priced by "${model}".`,
        ],
  );
  assert.deepEqual(messages, unused);
});

test('a price that ends, and one that begins', () => {
  const { messages } = load(`
upstreams:
  - { name: a, provider: anthropic, auth: { api_key: k } }
  - { name: v, provider: vertex, region: us-east5, project_id: p }
models:
  - { id: ends, upstream_model: { a: ends-x } }
  - { id: follows, upstream_model: { a: follows-x } }
  - { id: begins, upstream_model: { a: begins-x } }
  - { id: long, upstream_model: { a: long-x } }
pricing:
  overrides:
    - { upstream: a, model: ends, until: 2027-01-01, ${EXACT} }
    - { upstream: a, model: follows, until: 2027-01-01, ${EXACT} }
    - { upstream: a, model: follows-x, from: 2026-12-01, until: 2027-02-01, ${EXACT} }
    - { upstream: a, model: follows, from: 2027-01-01, ${EXACT} }
    - { upstream: a, model: begins, from: 2027-01-01, ${EXACT} }
    - { upstream: a, model: long-x, above_prompt_tokens: 1000, ${EXACT} }
    - { upstream: v, model: claude-opus-4-8, endpoint: regional, ${EXACT} }
    - { upstream: v, model: claude-opus-4-8, endpoint: global, ${EXACT} }
`);
  assert.deepEqual(messages, [
    'models[0].upstream_model.a: "ends-x" has no exact price from 2027-01-01T00:00:00Z on, so it ' +
      'counts at the rate for unknown models; add a row to pricing.overrides.',
    'models[3].upstream_model.a: "long-x" has no exact price, so it counts at the rate for ' +
      'unknown models; add a row to pricing.overrides.',
    'pricing.overrides[7]: never applies: nothing that is sent to "v" is priced by "claude-opus-4-8".',
  ]);
});

test('Claude models that Google Cloud has without 1M tokens of context', () => {
  const vertex = 'provider: vertex, region: global, project_id: p';
  const { messages } = load(`
upstreams:
  - { name: v, ${vertex} }
  - { name: w, ${vertex}, models: [claude-sonnet-4-6] }
  - { name: x, ${vertex}, models: [claude-sonnet-4-5@20250929] }
`);
  assert.deepEqual(messages, [
    'upstreams[2]: serves claude-sonnet-4-5-20250929, which Google Cloud has without 1M tokens of ' +
      'context: requests that ask for it are refused there.',
  ]);
});

test('a default model that its policy does not allow', () => {
  const warned = (settings: string) =>
    load(`${UPSTREAMS}managed: { policies: [{ cli: { ${settings} } }] }\n`).messages;
  for (const fine of [
    'model: haiku',
    'availableModels: [haiku], model: haiku',
    'availableModels: [claude-haiku-4-5], model: "haiku[1m]"',
    'availableModels: [haiku], model: claude-haiku-4-5',
    'availableModels: [haiku], model: default',
    'availableModels: [haiku], model: opus, enforceAvailableModels: true',
  ]) {
    assert.deepEqual(warned(fine), [], fine);
  }
  for (const model of ['opus', 'claude-opus-4-8']) {
    assert.deepEqual(warned(`availableModels: [haiku, claude-sonnet-4-6], model: ${model}`), [
      `managed.policies[0]: starts people on "${model}", which its availableModels leave out: ` +
        'they get a 400 until they pick another model.',
    ]);
  }
  assert.match(warned('availableModels: [haiku]').join(), /^managed\.policies\[0\]: lists avail/);
});

test('a Bedrock region without inference profiles sends bare ids, unless they are mapped', () => {
  const at = (region: string, more = '') =>
    load(`upstreams: [{ provider: bedrock, region: ${region} }]\n${more}`).messages;
  for (const region of ['us-east-1', 'ca-central-1', 'us-gov-west-1', 'eu-north-1']) {
    assert.deepEqual(at(region), []);
  }
  for (const region of ['ap-northeast-1', 'ap-southeast-2']) assert.deepEqual(at(region), []);
  assert.deepEqual(at('sa-east-1'), [
    'upstreams[0].region: in sa-east-1 no inference profile is known for claude-opus-4-6 and 14 other ' +
      'models, so bare ids like anthropic.claude-opus-4-6-v1 are sent, which Bedrock mostly refuses; ' +
      'map them in models, for instance to global.anthropic.claude-opus-4-6-v1, or to the ARN of a ' +
      'profile.',
  ]);
  const mapped = `auto_include_builtin_models: false
models:
  - id: claude-opus-4-8
    upstream_model: { bedrock: global.anthropic.claude-opus-4-8 }
`;
  assert.deepEqual(at('ap-south-1', mapped), []);
});
