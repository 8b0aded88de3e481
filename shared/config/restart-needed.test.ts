import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load.ts';
import { restartNeeded } from './restart-needed.ts';

function load(listen: string, rest = '') {
  const text = `
listen: { host: 127.0.0.1, ${listen} }
oidc: { issuer: https://idp.example.com, client_id: t, client_secret: s }
upstreams: [{ provider: anthropic, auth: { api_key: k } }]
${rest}`;
  const result = loadConfig({ text }, { env: {} });
  assert.ok(result.ok);
  return result.config;
}

test('only keys that are fixed at the start ask for a restart', () => {
  const before = load('port: 1');
  assert.deepEqual(restartNeeded(before, load('port: 1')), []);
  assert.deepEqual(
    restartNeeded(before, load('port: 1, trusted_proxies: [10.0.0.1]', 'login_notice: hi')),
    [],
  );
  assert.deepEqual(
    restartNeeded(before, load('port: 2', 'data_dir: /var/x\nledger: { sqlite: { path: /x.db } }')),
    ['listen.port', 'data_dir', 'ledger'],
  );
});

test('a secret in a store asks for a restart only when it changes', () => {
  const store = (password: string) =>
    load('port: 1', `store: { postgres_url: "postgres://db/tallygate", password: ${password} }`);
  assert.deepEqual(restartNeeded(store('one'), store('one')), []);
  assert.deepEqual(restartNeeded(store('one'), store('two')), ['store']);
});
