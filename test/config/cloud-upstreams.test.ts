// Upstreams of Google's and Microsoft's clouds, and Anthropic's federation, as the reference accepts
// them (08-accepted-keys).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '#shared/config/load.ts';
import { isSecret } from '#shared/config/secret.ts';

const text = readFileSync(new URL('reference/providers-cloud.yaml', import.meta.url), 'utf8');
const KEY = '{"client_email":"sa@example.com","private_key":"not-a-real-key"}';

function plain(value: unknown): unknown {
  if (isSecret(value)) return value.reveal();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

test('a file of the reference with these providers boots and means the same', () => {
  const result = loadConfig({ text }, { env: {}, readFile: () => KEY });
  assert.ok(result.ok, result.ok ? '' : result.faults.map(({ message }) => message).join('\n'));
  assert.deepEqual(result.warnings, []);
  const organizationId = '8d5b1c1e-0000-4000-8000-000000000000';
  const identityTokenFile = '/var/run/secrets/anthropic/token';
  const federation = { kind: 'federation', ruleId: 'fdrl_1', organizationId, identityTokenFile };
  const anthropic = { provider: 'anthropic', headers: {}, forward_user_identity: false };
  const google = { provider: 'anthropicGoogleCloud', project_id: 'my-project' };
  const workspace = { workspace_id: 'wrkspc_1' };
  const [workspaceId, serviceAccountId] = ['wrkspc_1', 'svac_1'];
  const none = { workspaceId: undefined, serviceAccountId: undefined };
  assert.deepEqual(plain(result.config.upstreams), [
    { ...anthropic, name: 'federated', auth: { ...federation, workspaceId, serviceAccountId } },
    { ...anthropic, name: 'federated-plain', auth: { ...federation, ...none } },
    {
      ...{ ...google, ...workspace, name: 'anthropicGoogleCloud', location: 'global' },
      ...{ headers: { 'x-cost-centre': '42' }, auth: { kind: 'default' } },
    },
    {
      ...{ ...google, ...workspace, name: 'google-eu', location: 'eu', headers: {} },
      auth: { kind: 'key_file', path: '/run/secrets/google.json' },
    },
    {
      ...{ provider: 'foundry', name: 'foundry', resource: 'example-foundry', headers: {} },
      ...{ auth: { kind: 'api_key', secret: 'not-a-real-key' } },
      ...{ models: ['claude-opus-4-8'], groups: ['eng'] },
    },
    {
      ...{ provider: 'foundry', name: 'foundry-proxy', headers: {} },
      ...{ base_url: 'https://llm.corp.example.com/azure', auth: { kind: 'azure_ad' } },
    },
  ]);
});
