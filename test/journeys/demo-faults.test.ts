// The demo where it cannot start: one sentence that tells what to do, and code 1.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/free-port.ts';
import { startHttp } from '../support/http.ts';

const START = fileURLToPath(new URL('../../infra/start.mjs', import.meta.url));

/** `npm ci --omit=dev`, as far as the import of this package goes. */
const WITHOUT_OIDC_PROVIDER = `
import { registerHooks } from 'node:module';
registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'oidc-provider') return next(specifier, context);
    throw Object.assign(new Error('not installed'), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});`;

function startDemo(env: Record<string, string>, nodeArgs: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'tallygate-demo-'));
  try {
    const { status, stderr } = spawnSync(process.execPath, [...nodeArgs, START], {
      cwd: folder,
      env: { ...process.env, TALLYGATE_DEMO_DATA_DIR: join(folder, 'data'), ...env },
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status, stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a PORT that is none', () => {
  const { status, stderr } = startDemo({ PORT: 'abc' });
  const sentence = 'PORT is "abc"; accepted: a whole number from 1 to 65535.';
  assert.equal(stderr, `Tallygate could not go on: ${sentence}\n`);
  assert.equal(status, 1);
});

test('a port that is taken', async () => {
  await using other = await startHttp([]);
  const { status, stderr } = startDemo({ PORT: String(other.port) });
  const sentence = `Port ${other.port} on 127.0.0.1 is in use; choose another one with PORT`;
  assert.ok(stderr.includes(`Tallygate could not go on: ${sentence}`), stderr);
  assert.doesNotMatch(stderr, /oidc-provider WARNING|oidc\.allowed_email_domains/);
  assert.equal(status, 1);
});

test('without development dependencies', async () => {
  const hooks = `data:text/javascript,${encodeURIComponent(WITHOUT_OIDC_PROVIDER)}`;
  const env = { PORT: String(await freePort()) };
  const { status, stderr } = startDemo(env, ['--import', hooks]);
  assert.match(stderr, /^Tallygate could not go on: The demo needs a development dependency that /);
  assert.match(stderr, /: run npm ci\. /);
  assert.equal(status, 1);
});
