// Without a public URL the gateway is whom the Host header says was asked, in tokens too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#shared/domain/clock.ts';
import { sendText } from '#shared/http/answer.ts';
import type { Route } from '#shared/http/route.ts';
import { createSessionVerifier, SESSION_AUDIENCE } from '#shared/identity/session-token.ts';
import { sessionKeysFromSecrets } from '#shared/identity/signing-keys.ts';
import { JWT_SECRET, mintSession } from '../support/gateway.ts';
import { startHttp } from '../support/http.ts';
import { lastAnswer, speak } from '../support/raw-http.ts';

const ROUTE: Route = {
  path: '/v1/models',
  methods: ['GET'],
  access: 'session',
  handle: ({ res, principal }) => sendText(res, 200, principal.sub),
};

test('a session that was issued under another name is none', async () => {
  const { verification } = sessionKeysFromSecrets([JWT_SECRET]);
  const { verify } = createSessionVerifier({
    ...{ keys: verification, issuer: null, audience: SESSION_AUDIENCE, clock: systemClock },
  });
  await using server = await startHttp([ROUTE], { verify });
  const token = await mintSession(server.url, 'ada');
  const ask = async (host: string) => {
    const head = `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n`;
    return lastAnswer(await speak(server.port, `${head}Authorization: Bearer ${token}\r\n\r\n`));
  };
  assert.deepEqual(await ask(`127.0.0.1:${server.port}`), { status: 200, body: 'ada' });
  assert.equal((await ask(`localhost:${server.port}`)).status, 401);
  assert.equal((await ask('127.0.0.1:1')).status, 401);
  assert.deepEqual(await ask(`127.0.0.1:${server.port}`), { status: 200, body: 'ada' });
});
