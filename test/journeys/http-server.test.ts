// The server beneath the routes: how it closes, what it refuses by itself, TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { openHttpServer } from '#shared/http/server.ts';
import { TLS } from '../support/certificate.ts';
import { startHttp } from '../support/http.ts';
import { lastAnswer, speak } from '../support/raw-http.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const LONG_MS = 60_000;

/** An answer that stands open, headers sent, until `finish`. */
function slowListener() {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const listener: RequestListener = async (_req, res) => {
    res.write('begun ');
    begun.resolve();
    await finish.promise;
    res.end('done');
  };
  return { listener, begun: begun.promise, finish: finish.resolve };
}

describe('closing', () => {
  test('lets an open answer finish, then does not wait for its kept-alive connection', async () => {
    const slow = slowListener();
    const server = await startHttp(slow.listener);
    const received = speak(server.port, GET);
    await slow.begun;
    const closed = server.close(LONG_MS);
    await assert.rejects(fetch(server.url), 'a new connection is refused');
    slow.finish();
    await closed;
    assert.match(await received, /begun .*done/s);
  });

  test('closes idle kept-alive connections at once', async () => {
    const server = await startHttp((_req, res) => void res.end('ok'));
    const socket = connect(server.port, '127.0.0.1');
    socket.write(GET);
    await once(socket, 'data');
    socket.resume();
    await Promise.all([server.close(LONG_MS), once(socket, 'close')]);
  });

  test('a last call: one more answer on a kept connection, and it ends with it', async () => {
    const listener: RequestListener = (_req, res) => void res.end('ok');
    const address = { host: '127.0.0.1', port: 0, tls: null };
    const server = await openHttpServer({ listener: () => listener, ...address });
    const socket = connect(server.port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.write(GET);
    await once(socket, 'data');
    assert.match(received, /connection: keep-alive/i);
    const called = server.lastCall(LONG_MS);
    received = '';
    socket.write(GET);
    await Promise.all([once(socket, 'close'), called]);
    assert.match(received, /200 OK.*connection: close/is);
    // Whoever comes now is still served; nobody waits for who says nothing.
    assert.equal((await fetch(`http://127.0.0.1:${server.port}`)).status, 200);
    const silent = connect(server.port, '127.0.0.1');
    await once(silent, 'connect');
    await server.lastCall(60);
    await Promise.all([server.close(LONG_MS), once(silent.resume(), 'close')]);
  });

  test('cuts what is still open after the drain time', async () => {
    const slow = slowListener();
    const server = await startHttp(slow.listener);
    const answer = fetch(server.url).then((response) => response.text());
    const cut = assert.rejects(answer);
    await slow.begun;
    await server.close(20);
    await cut;
    slow.finish();
  });
});

describe('what never becomes a request', () => {
  test('is 431 where the headers pass every bound, 400 where it is no HTTP', async () => {
    await using server = await startHttp((_req, res) => void res.end('ok'));
    const long = `GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(300_000)}\r\n\r\n`;
    const expected = { status: 431, body: 'request header fields too large' };
    assert.deepEqual(lastAnswer(await speak(server.port, long)), expected);
    const broken = await speak(server.port, 'no http\r\n\r\n');
    assert.deepEqual(lastAnswer(broken), { status: 400, body: '' });
  });
});

describe('a client that is slow on purpose', () => {
  const PACE = { windowMs: 200, bytesMin: 20 };
  const TIMEOUT = { status: 408, body: 'request timeout' };
  const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n';

  async function openSlow(listener: RequestListener, closing: AsyncDisposableStack) {
    const server = await openHttpServer({
      ...{ listener: () => listener, host: '127.0.0.1', port: 0, tls: null },
      ...{ headersMs: 300, bodyPace: PACE },
    });
    closing.defer(() => server.close(0));
    return server.port;
  }

  /** Sends a byte every so often for as long as it is let; what came back by then. */
  async function dribble(port: number, head: string, everyMs: number, byte = 'x') {
    const socket = connect(port, '127.0.0.1');
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('error', () => undefined);
    socket.write(head);
    const timer = setInterval(() => socket.write(byte), everyMs);
    await once(socket, 'end');
    clearInterval(timer);
    socket.destroy();
    return Buffer.concat(received).toString();
  }

  test('with its headers, or says nothing at all, is told 408 within the time', async () => {
    await using closing = new AsyncDisposableStack();
    const port = await openSlow((_req, res) => void res.end('ok'), closing);
    const begun = performance.now();
    assert.deepEqual(lastAnswer(await dribble(port, 'GET / HTTP/1.1\r\nx: ', 20)), TIMEOUT);
    assert.deepEqual(lastAnswer(await speak(port, '')), TIMEOUT);
    assert.ok(performance.now() - begun < 5_000);
  });

  test('with its body is told 408, whether it stops or dribbles', async () => {
    await using closing = new AsyncDisposableStack();
    const unread: RequestListener = (req) => void req.resume();
    const port = await openSlow(unread, closing);
    assert.deepEqual(lastAnswer(await speak(port, `${HEAD}\r\nabc`)), TIMEOUT);
    // A byte every 20 ms is ten in a window.
    assert.deepEqual(lastAnswer(await dribble(port, `${HEAD}\r\n`, 20)), TIMEOUT);
  });

  test('with a body that is refused is cut too, its refusal given', async () => {
    await using closing = new AsyncDisposableStack();
    const port = await openSlow((_req, res) => void res.writeHead(413).end('no'), closing);
    const received = await speak(port, `${HEAD}\r\nabc`);
    assert.match(received, /^HTTP\/1\.1 413 /);
    assert.doesNotMatch(received, /408/);
  });

  test('but keeps the pace is served, and so is an answer that is slow to come', async () => {
    await using closing = new AsyncDisposableStack();
    const answered = Promise.withResolvers<void>();
    const listener: RequestListener = (req, res) => {
      if (req.method === 'GET') answered.promise.then(() => res.end('late'));
      else req.resume().once('end', () => res.end('whole'));
    };
    const port = await openSlow(listener, closing);
    const close = 'Connection: close\r\n';
    const get = speak(port, GET.replace('Host', `${close}Host`));
    // Two hundred bytes in a window, and three windows until all are there.
    const whole = await dribble(port, `${HEAD}${close}\r\n`, 10, 'x'.repeat(10));
    assert.equal(lastAnswer(whole).body.replaceAll(/\r\n|\d+/g, ''), 'whole');
    answered.resolve();
    assert.equal(lastAnswer(await get).body, 'late');
  });

  test('after a request that was quick is watched all the same', async () => {
    await using closing = new AsyncDisposableStack();
    const listener: RequestListener = (req, res) => {
      if (req.method === 'GET') res.end('ok');
      else req.resume();
    };
    const port = await openSlow(listener, closing);
    const received = await speak(port, `${GET}${HEAD}\r\nabc`);
    assert.match(received, /ok/);
    assert.deepEqual(lastAnswer(received), TIMEOUT);
  });
});

test('with TLS: HTTP/1.1 only, and Strict-Transport-Security on every answer', async () => {
  await using server = await startHttp([], { tls: TLS });
  const request = httpsRequest(server.url, {
    ...{ rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] },
  });
  request.end();
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 401);
  assert.equal(response.socket.alpnProtocol, 'http/1.1');
  assert.equal(
    response.headers['strict-transport-security'],
    'max-age=31536000; includeSubDomains',
  );
});

test('a taken port is refused with a sentence that names the setting', async () => {
  await using first = await startHttp([]);
  const again = openHttpServer({
    ...{ listener: () => () => undefined, host: '127.0.0.1', port: first.port, tls: null },
  });
  await assert.rejects(again, { code: 'unavailable', message: /in use.*listen\.port/ });
});
