// Files written for the reference gateway boot here unchanged and mean the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '#shared/config/load.ts';
import { isSecret } from '#shared/config/secret.ts';

const FILES: Readonly<Record<string, string>> = {
  '/run/secrets/oidc': 'client-secret-from-file\n',
  '/run/secrets/vertex.json': '{"client_email":"sa@example.com","private_key":"not-a-real-key"}',
};

function load(file: string) {
  const text = readFileSync(new URL(`reference/${file}`, import.meta.url), 'utf8');
  const readFile = (path: string): string => FILES[path] ?? assert.fail(`no file ${path}`);
  const result = loadConfig({ text }, { env: { OIDC_CLIENT_ID: 'client-1' }, readFile });
  assert.ok(result.ok, result.ok ? '' : result.faults.map((fault) => fault.message).join('\n'));
  return result;
}

/** Secrets as plain text, so that a whole section compares at once. */
function reveal(value: unknown): unknown {
  if (isSecret(value)) return `secret ${value.reveal()}`;
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, reveal(entry)]));
}

test('sign-in options mean what they mean in the reference', () => {
  const { config } = load('everything.yaml');
  assert.deepEqual(reveal(config.listen), {
    host: '0.0.0.0',
    port: 8443,
    public_url: 'https://claude-gateway.corp.example.com',
    trusted_proxies: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'],
  });
  assert.deepEqual(reveal(config.oidc), {
    issuer: 'https://login.example.com/tenant/v2.0',
    client_id: 'client-1',
    client_secret: 'secret client-secret-from-file',
    token_endpoint_auth_method: 'client_secret_post',
    allowed_email_domains: ['corp.example.com'],
    allowed_groups: ['eng', 'ops'],
    groups_claim: '/realm_access/roles',
    email_claim: ['email', 'upn'],
    user_id_claim: 'oid',
    scopes: ['openid', 'email'],
    scope_on_refresh: false,
    extra_auth_params: { prompt: 'consent', access_type: 'offline' },
    userinfo_fallback: true,
    use_pkce: false,
    clock_skew_seconds: 30,
    id_token_signed_response_alg: 'ES256',
    additional_authorized_parties: ['other-client'],
    discovery_url: 'https://login.example.com/tenant/.well-known/openid-configuration',
    use_proxy: true,
    form_action_origins: ['https://sso.example.com'],
  });
  assert.deepEqual(reveal(config.session), {
    jwt_secret: [
      'secret 0123456789abcdef0123456789abcdef',
      'secret fedcba9876543210fedcba9876543210',
    ],
    signing_key: [],
    ttl_hours: 8,
  });
  assert.equal(config.login_notice, 'Use of this system is monitored.\nSee https://x\n');
});

test('upstreams and models mean what they mean in the reference', () => {
  const { config } = load('everything.yaml');
  const vertex = { provider: 'vertex', project_id: 'my-project', headers: {} };
  const anthropic = { provider: 'anthropic', forward_user_identity: false, headers: {} };
  assert.deepEqual(reveal(config.upstreams), [
    { ...vertex, name: 'vertex', region: 'global', groups: ['eng'], auth: { kind: 'default' } },
    {
      ...vertex,
      name: 'vertex-eu',
      region: 'europe-west1',
      base_url: 'https://vertex-proxy.corp.example.com/v1',
      models: ['claude-sonnet-4-6'],
      auth: { kind: 'key_file', path: '/run/secrets/vertex.json' },
    },
    {
      ...anthropic,
      name: 'direct',
      auth: { kind: 'oauth_token', secret: 'secret not-a-real-token' },
    },
    {
      ...anthropic,
      name: 'proxy.corp',
      base_url: 'https://llm.corp.example.com',
      forward_user_identity: true,
      headers: { 'x-cost-centre': 'secret 42' },
      auth: { kind: 'api_key', secret: 'secret not-a-real-key' },
    },
  ]);
  assert.equal(config.auto_include_builtin_models, false);
  assert.deepEqual(config.models[0]?.upstream_model, {
    direct: 'claude-opus-4-8',
    'vertex-eu': 'claude-opus-4-8',
  });
});

test('admin, policies, telemetry and limits mean what they mean in the reference', () => {
  const { config } = load('everything.yaml');
  assert.deepEqual(reveal(config.admin), {
    write_keys: [{ id: 'ops', key: 'secret aaaabbbbccccddddeeeeffff00001111' }],
    read_keys: [{ id: 'dashboard', key: 'secret 1111222233334444ddddeeeeffff0000' }],
    admin_groups: ['platform-admins'],
    blocked_message: 'Ask in #claude.',
    billing_group_tag: 'cost-centre',
    audit_retention_days: 30,
    spend_retention_months: 6,
    identity_retention_days: 7,
    group_limit_mode: 'max',
  });
  assert.deepEqual(config.enforcement, {
    fail_closed_on_error: true,
    reservation: 'estimate',
    reservation_ttl_seconds: 60,
  });
  assert.deepEqual(reveal(config.store), {
    postgres_url: 'secret postgres://gateway@db.corp.example.com:5432/gateway',
    username: 'gw',
    password: 'secret not-a-real-password',
    max_connections: 10,
    connect_timeout_seconds: 3,
    readiness_grace_seconds: 30,
  });
  assert.equal(config.pricing.multiplierMillionths, 900_000);
  assert.equal(config.pricing.overrides[0]?.cacheWriteMicroUsdPerMTok, 6_250_000);
  assert.equal(config.managed?.policy_mode, 'layered');
  const [contractors, base] = config.managed?.policies ?? [];
  assert.deepEqual(contractors?.match, {
    groups: ['contractors'],
    email_domain: 'partner.example.com',
  });
  assert.equal(contractors?.kind, 'cli', '`settings` is another name of `cli`');
  assert.deepEqual(contractors?.settings['permissions'], { deny: ['Bash(curl:*)'] });
  assert.deepEqual(base?.match, {});
  assert.equal(base?.serve_to_desktop, true);
  assert.deepEqual(base?.settings['someFutureSetting'], { kept: ['as', 'written'] });
  assert.deepEqual(reveal(config.telemetry), {
    forward_to: [
      {
        url: 'https://otel.corp.example.com',
        headers: { authorization: 'secret Bearer abc' },
        metrics: true,
        logs: true,
        traces: false,
      },
    ],
    resource_attributes: { deployment: 'corp' },
  });
  assert.deepEqual(config.access_control, {
    allow_cidrs: ['10.0.0.0/8'],
    deny_cidrs: ['10.9.9.9'],
  });
  assert.equal(config.limits.max_request_bytes, 1_048_576);
  assert.deepEqual(config.rate_limits.device_authorization, { max: 5, window_seconds: 600 });
});

test('a client that signs assertions needs no secret, and a loopback host no public_url', () => {
  const { config } = load('private-key-jwt.yaml');
  assert.equal(config.oidc.client_secret, undefined);
  assert.match(config.oidc.client_assertion?.private_key_pem.reveal() ?? '', /^-----BEGIN PRIVATE/);
  assert.equal(config.listen.public_url, undefined);
  assert.equal(config.managed?.policies[0]?.kind, 'code');
});

/** Every key that probing found in the reference (2.1.330), `[]` for the first entry of a list. */
const REFERENCE_KEYS = `
listen: host port public_url tls.cert tls.key trusted_proxies
oidc: issuer client_id client_secret client_assertion.private_key_pem client_assertion.certificate_pem
oidc: token_endpoint_auth_method allowed_email_domains allowed_groups groups_claim email_claim
oidc: user_id_claim google_groups.service_account_json_path google_groups.admin_email scopes
oidc: scope_on_refresh extra_auth_params userinfo_fallback use_pkce clock_skew_seconds discovery_url
oidc: id_token_signed_response_alg additional_authorized_parties use_proxy form_action_origins ca_cert_pem
session: jwt_secret ttl_hours
store: postgres_url username password max_connections connect_timeout_seconds readiness_grace_seconds
admin: write_keys[].id write_keys[].key read_keys[].id read_keys[].key admin_groups blocked_message
admin: billing_group_tag audit_retention_days spend_retention_months identity_retention_days group_limit_mode
enforcement: fail_closed_on_error
pricing: multiplier overrides[].upstream overrides[].model overrides[].input overrides[].output
pricing: overrides[].cache_read overrides[].cache_write
models[]: id label description upstream_model
managed: policy_mode settings policies[].match.groups policies[].match.email_domain policies[].cli
managed: policies[].settings policies[].code policies[].desktop policies[].serve_to_desktop
telemetry: resource_attributes forward_to[].url forward_to[].headers forward_to[].metrics
telemetry: forward_to[].logs forward_to[].traces forward_to[].auth.google.service_account_json
access_control: allow_cidrs deny_cidrs
limits: max_request_bytes max_request_header_bytes max_url_length
timeouts: upstream_ttfb_ms
rate_limits: device_authorization.max device_authorization.window_seconds
rate_limits: device_verify.max device_verify.window_seconds
cri: enabled issuer audience jwks_url org_allowlist policy.webhook.url
upstreams[]: name provider base_url auth headers models groups forward_user_identity
upstreams[]: auth.api_key auth.oauth_token auth.federation_rule_id auth.organization_id
upstreams[]: auth.identity_token_file auth.workspace_id auth.service_account_id
`;

test('no key of the reference is unknown here', () => {
  const lines = REFERENCE_KEYS.trim().split('\n');
  const paths = lines.flatMap((line) => {
    const [section = '', keys = ''] = line.split(': ');
    return keys.split(' ').map((key) => `${section}.${key}`);
  });
  assert.ok(paths.length > 100);
  for (const path of ['login_notice', 'auto_include_builtin_models', ...paths]) {
    const result = loadConfig({ text: withKey(path) }, { env: {} });
    const faults = result.ok ? [] : result.faults;
    const unknown = faults.filter((fault) => fault.found === 'an unknown key');
    assert.deepEqual(unknown, [], path);
  }
});

/** A file that holds one key, as JSON, which is YAML; upstreams get a provider besides. */
function withKey(path: string): string {
  const steps = path.replaceAll('[]', '.[]').split('.');
  const nested = steps.reduceRight<unknown>((value, step) => {
    if (step === '[]') return [value];
    const isUpstream = path.startsWith('upstreams') && step === steps[2];
    return { ...(isUpstream ? { provider: 'anthropic' } : {}), [step]: value };
  }, 'x');
  return JSON.stringify(nested);
}
