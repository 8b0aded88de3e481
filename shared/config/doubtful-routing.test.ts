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
upstreams:
  - { provider: vertex, project_id: p, region: europe-west1 }
  - { provider: anthropic, auth: { api_key: k } }
  - { provider: anthropicGoogleCloud, project_id: p, workspace_id: wrkspc_1, location: global }
`;

test('failover within a region is said to pass over an upstream that has none', () => {
  const warned = (routing: string) => {
    const result = loadConfig({ text: `${BASE}routing: ${routing}\n` }, { env: {} });
    assert.ok(result.ok, result.ok ? '' : result.faults.map(({ message }) => message).join('\n'));
    return result.warnings.map(({ message }) => message);
  };
  const sentence =
    'upstreams[1]: has no region, so `same_region` lets nothing fail over from it, or to it.';
  assert.deepEqual(warned('{ failover: same_region }'), [sentence]);
  assert.deepEqual(warned('{ rules: [{ groups: [eu], failover: same_region }] }'), [sentence]);
  assert.deepEqual(warned('{ failover: same_provider }'), []);
});
