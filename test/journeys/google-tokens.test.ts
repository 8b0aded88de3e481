// Real google-auth-library against servers that stand for Google's: Application Default Credentials
// on a machine of Google's, and a service account's key. The reference asks the same endpoint with the
// same grant (capture 04b): the key file's own token_uri is not followed.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { GoogleAuthConfig } from '#shared/config/schema-upstreams-cloud.ts';
import { createSecret } from '#shared/config/secret.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { createGoogleTokens } from '../../services/data-plane/upstreams/google-token.ts';
import {
  openMetadataServer,
  openTokenEndpoint,
  type TokenServer,
} from '../support/google-tokens.ts';
import { createMemoryLog } from '../support/log.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

function openSource(auth: GoogleAuthConfig) {
  return createGoogleTokens(auth, { clock: systemClock, log: createMemoryLog() });
}

function isUnavailable(error: unknown): boolean {
  assert(error instanceof AppError && error.code === 'unavailable');
  return true;
}

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tallygate-google-'));
  // Nothing that this machine knows of Google may take part.
  process.env['CLOUDSDK_CONFIG'] = folder;
  delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  for (const name of ['NO_PROXY', 'no_proxy', 'https_proxy']) delete process.env[name];
});
after(() => rm(folder, { recursive: true, force: true }));

describe('Application Default Credentials', () => {
  let server: TokenServer;
  before(async () => {
    server = await openMetadataServer();
    process.env['GCE_METADATA_HOST'] = server.host;
    process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
  });
  after(() => server[Symbol.asyncDispose]());
  const tokensAsked = () => server.asked.filter((path) => path.includes('/token'));

  test('are the machine’s, asked for once and kept', async () => {
    const source = openSource({ kind: 'default' });
    const tokens = await Promise.all(Array.from({ length: 20 }, () => source.token()));
    assert.deepEqual(new Set([...tokens, await source.token()]), new Set(['t1']));
    const [asked = ''] = tokensAsked();
    assert.equal(tokensAsked().length, 1);
    assert.equal(new URL(asked, 'http://metadata').searchParams.get('scopes'), SCOPE);
  });

  const bounded = { timeout: 10_000 };
  test('are refreshed ahead of their end, while the old token serves', bounded, async () => {
    server.behave(200, 200);
    server.asked.length = 0;
    const source = openSource({ kind: 'default' });
    const first = await source.token();
    // Its whole life lies within the five minutes of the refresh ahead.
    assert.equal(await source.token(), first);
    let next = first;
    while (next === first) {
      await new Promise(setImmediate);
      next = await source.token();
    }
    assert.ok(tokensAsked().length >= 2);
  });

  test('that the machine does not have are `unavailable`', async () => {
    server.behave(404);
    await assert.rejects(openSource({ kind: 'default' }).token(), isUnavailable);
  });
});

describe('a service account’s key', () => {
  let server: TokenServer;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = JSON.stringify({
    type: 'service_account',
    project_id: 'p1',
    private_key_id: 'k1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'gateway@p1.iam.gserviceaccount.com',
    token_uri: 'http://127.0.0.1:9/not-followed',
  });
  before(async () => {
    server = await openTokenEndpoint();
    process.env['HTTPS_PROXY'] = `http://${server.host}`;
  });
  after(() => server[Symbol.asyncDispose]());

  test('as JSON or as a file is exchanged at Google’s endpoint for a token', async () => {
    const path = join(folder, 'key.json');
    await writeFile(path, key);
    const kinds: GoogleAuthConfig[] = [
      { kind: 'key', json: createSecret(key) },
      { kind: 'key_file', path },
    ];
    for (const auth of kinds) {
      server.asked.length = 0;
      const source = openSource(auth);
      const token = await source.token();
      assert.match(token, /^t\d$/);
      assert.equal(await source.token(), token);
      const [connected, posted = '', ...more] = server.asked;
      assert.deepEqual([connected, more], ['CONNECT oauth2.googleapis.com:443', []]);
      const form = new URLSearchParams(posted.slice('POST /token '.length));
      assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
      const [, claims = ''] = form.get('assertion')?.split('.') ?? [];
      const { iss, scope } = JSON.parse(Buffer.from(claims, 'base64url').toString());
      assert.deepEqual([iss, scope], ['gateway@p1.iam.gserviceaccount.com', SCOPE]);
    }
  });

  test('that Google refuses, or that is not there, is `unavailable`', async () => {
    server.behave(400);
    const refused = openSource({ kind: 'key', json: createSecret(key) });
    await assert.rejects(refused.token(), isUnavailable);
    const missing = openSource({ kind: 'key_file', path: join(folder, 'none.json') });
    await assert.rejects(missing.token(), isUnavailable);
  });
});
