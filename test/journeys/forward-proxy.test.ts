// Upstreams, and the tokens for them, behind a forward proxy: HTTPS_PROXY and NO_PROXY, and an authority
// of the company's in NODE_EXTRA_CA_CERTS, as the reference honours them (wire contract §4).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeCertificate } from '../support/certificate.ts';
import { type ForwardProxy, openForwardProxy } from '../support/forward-proxy.ts';
import { PROXIED_GATEWAY } from '../support/proxied-gateway.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HOSTS = ['api.anthropic.com', 'claude.googleapis.com', 'oauth2.googleapis.com'] as const;
const ANSWER = JSON.stringify({ type: 'message', content: [], usage: { input_tokens: 1 } });

const yaml = (upstream: object) =>
  JSON.stringify({
    listen: { host: '127.0.0.1' },
    oidc: { issuer: 'https://idp.example.com', client_id: 'a', client_secret: 'not-a-secret' },
    upstreams: [upstream],
  });
const anthropic = yaml({ provider: 'anthropic', auth: { api_key: 'key' } });

describe('behind a forward proxy', () => {
  let folder = '';
  let authorities = '';
  let proxy: ForwardProxy;
  const seen: string[] = [];
  const certificates = HOSTS.map((host) => ({ host, ...makeCertificate(host) }));
  const server = createServer(
    {
      ...certificates[0],
      SNICallback(host, done) {
        const own = certificates.find((one) => one.host === host);
        done(null, own === undefined ? undefined : createSecureContext(own));
      },
    },
    (req, res) => {
      const { host, authorization = '', 'x-goog-user-project': payer = '' } = req.headers;
      seen.push(`${host}${req.url} ${authorization} ${payer}`.trimEnd());
      req.resume();
      const token = JSON.stringify({ access_token: 't1', expires_in: 3599, token_type: 'Bearer' });
      res.setHeader('content-type', 'application/json');
      res.end(req.url === '/token' ? token : ANSWER);
    },
  );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tallygate-proxy-'));
    authorities = join(folder, 'ca.pem');
    await writeFile(authorities, certificates.map(({ cert }) => cert).join(''));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await openForwardProxy((server.address() as AddressInfo).port);
  });
  after(async () => {
    await proxy[Symbol.asyncDispose]();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await rm(folder, { recursive: true });
  });

  async function ask(text: string, env: Record<string, string>): Promise<{ status: number }> {
    proxy.asked.length = 0;
    seen.length = 0;
    const { PATH = '' } = process.env;
    const own = { PATH, HTTPS_PROXY: proxy.url, TEST_GATEWAY_YAML: text, ...env };
    const { stdout } = await run(process.execPath, [PROXIED_GATEWAY], { cwd: ROOT, env: own });
    return JSON.parse(stdout);
  }

  test('requests go through it, and trust what NODE_EXTRA_CA_CERTS names', async () => {
    const { status } = await ask(anthropic, { NODE_EXTRA_CA_CERTS: authorities });
    assert.equal(status, 200);
    assert.deepEqual(proxy.asked, ['api.anthropic.com:443']);
    assert.deepEqual(seen, ['api.anthropic.com/v1/messages']);
  });

  test('an authority that nobody named is not trusted', async () => {
    const { status } = await ask(anthropic, {});
    assert.equal(status, 502);
    assert.deepEqual([proxy.asked, seen], [['api.anthropic.com:443'], []]);
  });

  test('a host of NO_PROXY is reached without it', async () => {
    // A name that resolves nowhere: only the proxy could have reached it.
    const base_url = 'https://llm.invalid';
    const text = yaml({ provider: 'anthropic', base_url, auth: { api_key: 'key' } });
    const extra = { NODE_EXTRA_CA_CERTS: authorities };
    const { status } = await ask(text, { ...extra, NO_PROXY: 'llm.invalid' });
    assert.deepEqual([status, proxy.asked], [502, []]);
    await ask(text, extra);
    assert.deepEqual(proxy.asked, ['llm.invalid:443']);
  });

  test('a Google token comes through it too, and the request with it, for whose quota the key names', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const service_account_json = JSON.stringify({
      type: 'service_account',
      client_email: 'gateway@p1.iam.gserviceaccount.com',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      quota_project_id: 'paying-project',
    });
    const auth = { service_account_json };
    const cloud = { provider: 'anthropicGoogleCloud', project_id: 'p1', workspace_id: 'w1', auth };
    const { status } = await ask(yaml(cloud), { NODE_EXTRA_CA_CERTS: authorities });
    assert.equal(status, 200);
    assert.deepEqual(proxy.asked, ['oauth2.googleapis.com:443', 'claude.googleapis.com:443']);
    const path = '/v1/projects/p1/locations/global/workspaces/w1/invoke/v1/messages';
    assert.deepEqual(seen, [
      'oauth2.googleapis.com/token',
      `claude.googleapis.com${path} Bearer t1 paying-project`,
    ]);
  });
});
