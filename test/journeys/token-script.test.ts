// The token script where it cannot sign in: what it prints, and nothing on standard output. That it
// signs in is shown by the demo's journey.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createBrowser } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { startHttp } from '../support/http.ts';
import { openSignInGateway } from '../support/sign-in-gateway.ts';

const SCRIPT = fileURLToPath(new URL('../../services/cli/token.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `onOutput` sees what it prints while it runs. */
function runToken(url: string, onOutput: (text: string) => void = () => {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [SCRIPT, url], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stderr?.on('data', (chunk) => onOutput(String(chunk)));
  });
}

async function assertRefused(url: string, sentence: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runToken(url);
  assert.match(stderr, sentence);
  assert.equal(stderr.split('\n').length, 2, stderr);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
}

const answering =
  (status: number, body: string): RequestListener =>
  (_req, res) => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };

test('where nothing listens, it says why the request failed', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  await assertRefused(
    url,
    /^Could not sign in: \S+\/oauth\/device_authorization does not answer \(connect ECONNREFUSED /,
  );
  await assertRefused(url.replace('127.0.0.1', 'localhost'), / \(connect ECONNREFUSED \S+/);
  await assertRefused(
    '127.0.0.1:8080',
    /^Could not sign in: 127\.0\.0\.1:8080 is no address of a /,
  );
});

test('where something else answers, it says that there is no Tallygate', async () => {
  const foreign = [
    [200, '<html>Welcome'],
    [404, '{"error":{"message":"not found"}}'],
    [200, '[]'],
    [200, '{"device_code":7}'],
    [502, ''],
  ] as const;
  for (const [status, body] of foreign) {
    await using server = await startHttp(answering(status, body));
    const sentence = `Could not sign in: there is no Tallygate at ${server.url} (${status})\n`;
    const { code, stdout, stderr } = await runToken(`${server.url}/`);
    assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: '', stderr: sentence });
  }
});

test('what the gateway says is passed on', async () => {
  const busy = { type: 'error', error: { type: 'api_error', message: 'The store is away.' } };
  await using away = await startHttp(answering(503, JSON.stringify(busy)));
  await assertRefused(away.url, /^Could not sign in: The store is away\.$/m);
  const limit = { error: 'slow_down', error_description: 'Too many sign-in attempts.' };
  await using limited = await startHttp(answering(429, JSON.stringify(limit)));
  await assertRefused(limited.url, /^Could not sign in: Too many sign-in attempts\.$/m);
});

test('a sign-in that is denied in the browser ends it', async () => {
  await using gateway = await openSignInGateway();
  let denied: Promise<unknown> | undefined;
  const { code, stdout, stderr } = await runToken(gateway.url, (text) => {
    const user_code = /shows (\S+)\./.exec(text)?.[1];
    if (user_code === undefined) return;
    denied = createBrowser().post(`${gateway.url}/device/deny`, { user_code });
  });
  await denied;
  assert.match(stderr, /^Could not sign in: the sign-in was refused in the browser$/m);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
});
