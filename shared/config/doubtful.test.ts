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
