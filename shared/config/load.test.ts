import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type LoadOptions, loadConfig } from './load.ts';
import type { GatewayConfig } from './schema.ts';

const SECRET = '0123456789abcdef0123456789abcdef';
const MINIMAL = `
listen: { host: 127.0.0.1 }
oidc: { issuer: https://idp.example.com/, client_id: tallygate, client_secret: s3cret }
upstreams: [{ provider: anthropic, auth: { api_key: sk-1 } }]
`;
const ADMIN = `admin: { write_keys: [{ id: ops, key: ${SECRET} }] }\n`;

function load(text: string, options: Partial<LoadOptions> = {}) {
  const readFile = (path: string): string => assert.fail(`nothing reads ${path}`);
  return loadConfig({ text }, { env: {}, readFile, ...options });
}

/** A quoted reference: inside { } YAML would read the bare braces as its own. */
function ref(name: string, before = '', after = ''): string {
  return `"${before}$${`{${name}}`}${after}"`;
}

function loadValid(text: string, options: Partial<LoadOptions> = {}): GatewayConfig {
  const result = load(text, options);
  assert.ok(result.ok, result.ok ? '' : result.faults.map((fault) => fault.message).join('\n'));
  return result.config;
}

function faultsOf(text: string, options: Partial<LoadOptions> = {}): string[] {
  const result = load(text, options);
  return result.ok ? [] : result.faults.map((fault) => fault.message);
}

test('what is left out has its documented default', () => {
  const config = loadValid(MINIMAL);
  assert.equal(config.listen.port, 8080);
  assert.deepEqual(config.oidc.scopes, ['openid', 'profile', 'email', 'offline_access']);
  assert.deepEqual(config.oidc.email_claim, ['email']);
  assert.equal(config.oidc.issuer, 'https://idp.example.com/', 'kept to the letter');
  assert.deepEqual(config.session, { jwt_secret: [], signing_key: [], ttl_hours: 1 });
  assert.equal(config.data_dir, './.tallygate');
  assert.equal(config.upstreams[0]?.name, 'anthropic');
  assert.equal(config.admin, undefined);
  assert.deepEqual(config.enforcement, {
    fail_closed_on_error: false,
    reservation: 'estimate',
    reservation_ttl_seconds: 60,
  });
  assert.deepEqual(config.pricing, { multiplierMillionths: 1_000_000, overrides: [] });
  assert.equal(config.limits.max_request_bytes, 32 * 1024 * 1024);
  assert.equal(config.timeouts.upstream_ttfb_ms, 120_000);
  assert.deepEqual(config.rate_limits.device_authorization, { max: 30, window_seconds: 600 });
  assert.deepEqual(config.rate_limits.device_verify, { max: 10, window_seconds: 600 });
});

test('variables and files are put in, and their final line break is not', () => {
  const files: Record<string, string> = { '/run/secrets/oidc': 'from-file\n' };
  const config = loadValid(
    MINIMAL.replace('s3cret', ref('file:/run/secrets/oidc')).replace(
      'sk-1',
      ref('KEY', 'sk-', '-x'),
    ),
    { env: { KEY: '42' }, readFile: (path) => files[path] ?? assert.fail(path) },
  );
  assert.equal(config.oidc.client_secret?.reveal(), 'from-file');
  const [upstream] = config.upstreams;
  assert.ok(upstream?.provider === 'anthropic' && upstream.auth.kind === 'api_key');
  assert.equal(upstream.auth.secret.reveal(), 'sk-42-x');
});

test('a value from the environment can never become structure or a comment', () => {
  const hostile = 'a"\nadmin: {}\n# [x, y]: {$' + '{OTHER}}';
  const text = MINIMAL.replace('client_id: tallygate', `client_id: ${ref('ID')}`);
  const config = loadValid(text, { env: { ID: hostile, OTHER: 'no' } });
  assert.equal(config.oidc.client_id, hostile);
  assert.equal(config.admin, undefined);
});

test('references in comments are left alone', () => {
  loadValid(`${MINIMAL}# $${'{NOT_SET}'} and $${'{file:/nope}'}\n`);
});

test('a shell default inside managed settings is the client’s and stays', () => {
  const command = 'echo $' + '{X:-y}';
  const config = loadValid(
    `${MINIMAL}managed: { policies: [{ cli: { env: { RUN: '${command}' } } }] }\n`,
  );
  assert.deepEqual(config.managed?.policies[0]?.settings, { env: { RUN: command } });
});

test('PORT decides the port, whatever the file says', () => {
  assert.equal(loadValid(MINIMAL, { env: { PORT: '9090' } }).listen.port, 9090);
  assert.equal(loadValid(MINIMAL, { env: { PORT: '' } }).listen.port, 8080);
});

test('loopback is let through by either variable, metadata services by none', () => {
  const local = MINIMAL.replace('https://idp.example.com/', 'http://127.0.0.1:5556');
  assert.match(faultsOf(local).join(), /oidc\.issuer: found a loopback address/);
  loadValid(local, { env: { TALLYGATE_ALLOW_LOOPBACK: '1' } });
  loadValid(local, { env: { CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1' } });
  assert.equal(faultsOf(local, { env: { TALLYGATE_ALLOW_LOOPBACK: 'yes' } }).length, 1);
  const metadata = local.replace('127.0.0.1:5556', '169.254.169.254');
  assert.equal(faultsOf(metadata, { env: { TALLYGATE_ALLOW_LOOPBACK: '1' } }).length, 1);
});

test('prices are integers of micro-USD, to the last decimal', () => {
  const { pricing } = loadValid(`${MINIMAL}${ADMIN}pricing:
  multiplier: 0.85
  overrides:
    - { upstream: anthropic, model: m, input: 0.1, output: "15", cache_read: 0.000001, cache_write: 18.75 }
`);
  assert.equal(pricing.multiplierMillionths, 850_000);
  assert.deepEqual(pricing.overrides[0], {
    upstream: 'anthropic',
    model: 'm',
    inputMicroUsdPerMTok: 100_000,
    outputMicroUsdPerMTok: 15_000_000,
    cacheReadMicroUsdPerMTok: 1,
    cacheWriteMicroUsdPerMTok: 18_750_000,
  });
});

test('what a price may say beyond the reference: rates, dates, endpoint and prompt length', () => {
  const { pricing } = loadValid(`${MINIMAL}${ADMIN}pricing:
  overrides:
    - upstream: anthropic
      model: m
      input: 1
      output: 2
      cache_read: 3
      cache_write: 4
      cache_write_1h: 5.5
      web_search: 0.005
      from: 2026-12-01
      until: 2027-01-01T09:00:00+01:00
      endpoint: multi_region
      above_prompt_tokens: 200000
`);
  assert.deepEqual(pricing.overrides[0], {
    upstream: 'anthropic',
    model: 'm',
    inputMicroUsdPerMTok: 1_000_000,
    outputMicroUsdPerMTok: 2_000_000,
    cacheReadMicroUsdPerMTok: 3_000_000,
    cacheWriteMicroUsdPerMTok: 4_000_000,
    cacheWrite1hMicroUsdPerMTok: 5_500_000,
    webSearchMicroUsd: 5000,
    fromMs: Date.UTC(2026, 11, 1),
    untilMs: Date.UTC(2027, 0, 1, 8),
    endpoint: 'multi_region',
    abovePromptTokens: 200_000,
  });
});

test('no secret of the file shows in a printed configuration or in a fault', () => {
  const secrets = ['TOPSECRET-client-0', 'TOPSECRET-key-00000000000000000001', 'TOPSECRET-header'];
  const text = `
listen: { host: 127.0.0.1 }
oidc: { issuer: https://idp.example.com, client_id: t, client_secret: ${secrets[0]} }
session: { jwt_secret: ${secrets[1]} }
upstreams: [{ provider: anthropic, auth: { api_key: ${secrets[1]} }, headers: { x-a: ${secrets[2]} } }]
admin: { write_keys: [{ id: w, key: ${secrets[1]} }] }
telemetry: { forward_to: [{ url: https://c.example.com, headers: { authorization: ${secrets[2]} } }] }
`;
  const config = loadValid(text);
  assert.doesNotMatch(inspect(config, { depth: 20 }) + JSON.stringify(config), /TOPSECRET/);
  const broken = text
    .replaceAll('TOPSECRET-key', 'TOPSECRET')
    .replaceAll('00000000000000000001', '1')
    .replaceAll(`{ authorization: ${secrets[2]} }`, `[${secrets[2]}]`)
    .replace('x-a:', 'host:');
  const faults = faultsOf(broken);
  assert.ok(faults.length >= 4, faults.join('\n'));
  assert.doesNotMatch(faults.join('\n'), /TOPSECRET/);
});

test('the hash is that of the text, and covers the files it names', () => {
  const plain = load(MINIMAL);
  assert.ok(plain.ok);
  assert.equal(plain.sha256, createHash('sha256').update(MINIMAL).digest('hex'));
  const text = MINIMAL.replace('s3cret', ref('file:/s'));
  const [one, other] = ['one', 'other'].map((value) => load(text, { readFile: () => value }));
  assert.ok(one?.ok && other?.ok);
  assert.notEqual(one.sha256, other.sha256);
});

test('a file that is not there is a fault, not an exception', () => {
  const result = loadConfig({ path: '/nonexistent/gateway.yaml' }, { env: {} });
  assert.equal(
    result.ok || result.faults[0]?.message,
    'gateway.yaml: found no file that can be read at /nonexistent/gateway.yaml; accepted: the path of a gateway.yaml.',
  );
});

test('doubtful values boot with a warning that names them', () => {
  const result = load(`
listen: { public_url: "http://gw.example.com/base/" }
oidc: { issuer: http://idp.example.com, client_id: t, client_secret: s, use_pkce: false }
session: { ttl_hours: 1000 }
upstreams:
  - provider: anthropic
    base_url: "http://proxy.example.com/"
    forward_user_identity: true
    auth: { api_key: k }
models: [{ id: m, upstream_model: { anthropic: x } }, { id: M, upstream_model: { anthropic: x } }]
admin: {}
pricing: { multiplier: 1.5 }
managed:
  settings: x
  policies: [{ cli: { availableModels: [opus] } }, { match: { groups: [a] }, cli: {} }]
`);
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map((warning) => warning.path),
    [
      'listen.public_url',
      'listen.public_url',
      'oidc.allowed_email_domains',
      'oidc.issuer',
      'oidc.use_pkce',
      'session.ttl_hours',
      'upstreams[0].base_url',
      'upstreams[0].forward_user_identity',
      'models[1].id',
      'pricing.multiplier',
      'models[0].upstream_model.anthropic',
      'admin',
      'managed.settings',
      'managed.policies[0]',
      'managed.policies[0]',
    ],
  );
});
