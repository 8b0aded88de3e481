// An upstream that compresses its answers although plain ones were asked for.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import { TEST_TOKEN } from '../support/http.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { answerEvents, openFakeUpstream, sseEvent } from '../support/upstream.ts';

const STREAM = { ...PROMPT, stream: true };
const BODY = JSON.stringify({
  content: [{ type: 'text', text: 'é'.repeat(40_000) }],
  usage: { input_tokens: 1000, output_tokens: 20 },
});

const ENCODERS: readonly [name: string, named: string, encode: (text: string) => Buffer][] = [
  ['gzip', 'gzip', zlib.gzipSync],
  ['gzip under its old name', 'X-Gzip', zlib.gzipSync],
  ['deflate', 'deflate', zlib.deflateSync],
  ['deflate without its zlib frame', 'deflate', zlib.deflateRawSync],
  ['brotli', 'br', zlib.brotliCompressSync],
  ['zstd', 'zstd', zlib.zstdCompressSync],
];

async function openWorld() {
  const upstream = await openFakeUpstream();
  const gateway = await openMessagesGateway({ upstreams: [anthropicAt(upstream.url)] });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** A gzip stream of the upstream's; `send` resolves when what it was given is on its way. */
function gzipInto(res: ServerResponse, level?: number) {
  const gzip = zlib.createGzip(level === undefined ? {} : { level });
  res.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
  gzip.pipe(res);
  const send = (text: string) =>
    new Promise<void>((resolve) => {
      gzip.write(text);
      gzip.flush(zlib.constants.Z_SYNC_FLUSH, () => resolve());
    });
  return { gzip, send };
}

describe('an answer that is no stream', () => {
  for (const [name, named, encode] of ENCODERS) {
    test(`in ${name} arrives plain and is billed by its count`, async () => {
      await using world = await openWorld();
      const encoded = encode(BODY);
      world.upstream.behave((res) => {
        res.writeHead(200, {
          'content-type': 'application/json',
          'content-encoding': named,
          'content-length': encoded.length,
        });
        res.end(encoded);
      });
      const response = await world.gateway.ask(PROMPT);
      assert.equal(response.headers.get('content-encoding'), null);
      assert.equal(response.headers.get('content-length'), null);
      assert.equal(await response.text(), BODY);
      const { usage, estimated } = await world.gateway.nextEvent();
      assert.deepEqual([usage.inputTokens, usage.outputTokens, estimated], [1000, 20, false]);
    });
  }

  test('in a coding that nobody here reads passes as it is, and its coding with it', async () => {
    await using world = await openWorld();
    world.upstream.behave((res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'compress' });
      res.end('xyz');
    });
    const response = await world.gateway.ask(PROMPT);
    assert.equal(response.headers.get('content-encoding'), 'compress');
    assert.equal((await response.arrayBuffer()).byteLength, 3);
  });

  test('and is empty stays empty', async () => {
    await using world = await openWorld();
    world.upstream.behave((res) => void res.writeHead(200, { 'content-encoding': 'gzip' }).end());
    assert.equal(await (await world.gateway.ask(PROMPT)).text(), '');
  });
});

test('a refusal is read too', async () => {
  await using world = await openWorld();
  const text = '{"type":"error","error":{"type":"invalid_request_error","message":"no"}}';
  world.upstream.behave((res) => {
    res.writeHead(400, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    res.end(zlib.gzipSync(text));
  });
  const response = await world.gateway.ask(PROMPT);
  assert.deepEqual([response.status, response.headers.get('content-encoding')], [400, null]);
  assert.equal(await response.text(), text);
});

describe('a stream', () => {
  test('arrives event by event, as it is sent', async () => {
    await using world = await openWorld();
    const events = answerEvents();
    const goOn = events.map(() => Promise.withResolvers<void>());
    world.upstream.behave(async (res) => {
      const { gzip, send } = gzipInto(res);
      for (const [index, event] of events.entries()) {
        await send(event);
        await goOn[index]?.promise;
      }
      gzip.end();
    });
    const response = await world.gateway.ask(STREAM);
    assert.equal(response.headers.get('content-encoding'), null);
    const reader = response.body!.getReader();
    for (const [index, event] of events.entries()) {
      let text = '';
      while (text.length < event.length) {
        const { value } = await reader.read();
        text += Buffer.from(value ?? []).toString();
      }
      assert.equal(text, event);
      goOn[index]?.resolve();
    }
    assert.equal((await reader.read()).done, true);
    const { costMicroUsd, estimated, outcome } = await world.gateway.nextEvent();
    assert.deepEqual([costMicroUsd, estimated, outcome], [5_500, false, 'complete']);
  });

  test('that its client leaves ends the upstream, and what was streamed is billed', async () => {
    await using world = await openWorld();
    world.upstream.behave(async (res) => {
      const { send } = gzipInto(res);
      await send(answerEvents().slice(0, 4).join(''));
    });
    const aborter = new AbortController();
    const response = await world.gateway.ask(STREAM, { signal: aborter.signal });
    await response.body!.getReader().read();
    const seen = await world.upstream.next();
    aborter.abort();
    await seen.left;
    const { usage, outcome } = await world.gateway.nextEvent();
    assert.deepEqual([usage.inputTokens, usage.outputTokens, outcome], [1000, 3, 'aborted']);
  });

  test('that breaks off within its coding ends with an error event', async () => {
    await using world = await openWorld();
    const sent = answerEvents().slice(0, 4).join('');
    world.upstream.behave((res) => {
      // In two pieces at once with the end, as a slow reader finds them.
      const encoded = zlib.gzipSync(sent).subarray(0, -8);
      res.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      res.socket?.cork();
      res.write(encoded.subarray(0, 10));
      res.end(encoded.subarray(10));
      res.socket?.uncork();
    });
    const text = await (await world.gateway.ask(STREAM)).text();
    assert.ok(text.startsWith(sent));
    assert.match(text.slice(sent.length), /^event: error\ndata: \{.*"api_error"/);
    const { usage } = await world.gateway.nextEvent();
    assert.deepEqual([usage.inputTokens, usage.outputTokens], [1000, 3]);
  });

  test('that is not what it says it is ends with an error event', async () => {
    await using world = await openWorld();
    world.upstream.behave((res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      res.end('data: plain\n\n');
    });
    const text = await (await world.gateway.ask(STREAM)).text();
    assert.match(text, /^event: error\n/);
  });

  test('that nobody reads is held back at the upstream', async () => {
    await using world = await openWorld();
    const total = 200 * 1024 * 1024;
    const piece = sseEvent('content_block_delta', { delta: { text: 'x'.repeat(64 * 1024) } });
    let sent = 0;
    world.upstream.behave((res) => {
      const { gzip } = gzipInto(res, 0);
      gzip.write(answerEvents()[0]);
      const pump = (): void => {
        while (sent < total && !res.destroyed) {
          sent += piece.length;
          if (!gzip.write(piece)) return void gzip.once('drain', pump);
        }
      };
      pump();
    });
    const socket = connect(world.gateway.port, '127.0.0.1');
    await once(socket, 'connect');
    const body = JSON.stringify(STREAM);
    socket.write(
      `POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
    await once(socket, 'readable');
    const seen = await world.upstream.next();
    for (let last = -1, still = 0; still < 20; still = sent === last ? still + 1 : 0) {
      last = sent;
      for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    }
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes went out to nobody`);
    // And once it is read, it goes on.
    const before = sent;
    socket.resume();
    while (sent === before) await new Promise(setImmediate);
    socket.destroy();
    await seen.left;
    assert.equal((await world.gateway.nextEvent()).outcome, 'aborted');
  });
});

test('a prompt that the upstream counts in a compressed answer is counted', async () => {
  await using world = await openWorld();
  world.upstream.behave(() => undefined);
  world.upstream.count((res) => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' });
    res.end(zlib.brotliCompressSync('{"input_tokens":77}'));
  });
  const aborter = new AbortController();
  const gone = assert.rejects(world.gateway.ask(STREAM, { signal: aborter.signal }));
  await world.upstream.next();
  aborter.abort();
  await gone;
  assert.equal((await world.gateway.nextEvent()).usage.inputTokens, 77);
});
