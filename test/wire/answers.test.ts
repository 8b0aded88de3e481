// Bodies and answers that are not what one expects (the rest of capture 02b): compressed, empty, moved
// elsewhere, no JSON. What the reference did stands in each case, and where ours differs it says so.

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TEST_TOKEN } from '../support/http.ts';
import { anthropicAt, openMessagesGateway } from '../support/messages-gateway.ts';

const MODEL = 'claude-sonnet-4-6';
const BODY = Buffer.from(JSON.stringify({ model: MODEL, max_tokens: 64, messages: [] }));

async function openWorld(answer: RequestListener) {
  const asked: Buffer[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      asked.push(Buffer.concat(chunks));
      answer(req, res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = await openMessagesGateway({
    upstreams: [anthropicAt(`http://127.0.0.1:${port}`)],
  });
  return {
    asked,
    gateway,
    ask: (body: Buffer, headers: Record<string, string> = {}) =>
      fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${TEST_TOKEN}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: new Uint8Array(body),
      }),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const USAGE = { input_tokens: 5, output_tokens: 5 };
const MESSAGE = JSON.stringify({ id: 'm', type: 'message', model: 'x', content: [], usage: USAGE });

test('a body that is not UTF-8 reaches the upstream byte for byte', async () => {
  await using world = await openWorld((_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end(MESSAGE);
  });
  const start = Buffer.from(`{"model":"${MODEL}","messages":[{"role":"user","content":"`);
  const body = Buffer.concat([start, Buffer.from([0xff, 0xfe]), Buffer.from('"}]}')]);
  assert.equal(body.length, 73, 'as captured');
  assert.equal((await world.ask(body)).status, 200);
  assert.deepEqual(world.asked, [body]);
});

test('a compressed body is no JSON, and goes nowhere', async () => {
  await using world = await openWorld((_req, res) => res.end());
  const response = await world.ask(gzipSync(BODY), { 'content-encoding': 'gzip' });
  const { error } = (await response.json()) as { error: object };
  assert.equal(response.status, 400);
  assert.deepEqual(error, { type: 'invalid_request_error', message: 'invalid JSON' });
  assert.deepEqual(world.asked, []);
});

test('a compressed answer comes decoded, and is billed by its count', async () => {
  await using world = await openWorld((_req, res) => {
    const coding = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    res.writeHead(200, coding).end(gzipSync(MESSAGE));
  });
  const response = await world.ask(BODY, { 'accept-encoding': 'gzip' });
  assert.deepEqual(
    [response.status, response.headers.get('content-encoding'), await response.text()],
    [200, null, MESSAGE],
  );
  const { usage, estimated } = await world.gateway.nextEvent();
  assert.deepEqual([usage.inputTokens, usage.outputTokens, estimated], [5, 5, false]);
});

test('an answer without a body passes, and costs nothing', async () => {
  await using world = await openWorld((_req, res) => res.writeHead(204).end());
  const response = await world.ask(BODY);
  assert.deepEqual([response.status, await response.text()], [204, '']);
  await world.gateway.settled();
  assert.deepEqual(world.gateway.events, []);
});

test('a page of somebody on the way passes as what it is, and is billed as an estimate', async () => {
  const page = '<html>captive portal</html>';
  await using world = await openWorld((req, res) => {
    const isCount = req.url?.endsWith('count_tokens') === true;
    res.writeHead(isCount ? 404 : 200, { 'content-type': 'text/html' }).end(page);
  });
  const response = await world.ask(BODY);
  assert.deepEqual(
    [response.status, response.headers.get('content-type'), await response.text()],
    [200, 'text/html', page],
  );
  assert.equal((await world.gateway.nextEvent()).estimated, true);
});

test('a redirect is a failure here; the reference hands it to the client', async () => {
  await using world = await openWorld((_req, res) => {
    res.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere' }).end();
  });
  const response = await world.ask(BODY);
  assert.deepEqual([response.status, response.headers.get('location')], [502, null]);
  assert.equal(world.asked.length, 1);
});
