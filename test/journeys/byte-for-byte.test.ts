// What the upstream sent is what the client got, wherever the network cuts it; what the client sent is
// what the upstream got; and what belongs to one connection stays on it.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { createGzip } from 'node:zlib';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { bedrockAt, messagesOf } from '../support/aws.ts';
import { openByteClient } from '../support/byte-client.ts';
import { foundryAt } from '../support/cloud-upstreams.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { answerEvents, sseEvent } from '../support/upstream.ts';
import { vertexAt } from '../support/vertex.ts';

const MIB = 1024 * 1024;
/** How many requests are in flight at once. */
const LANES = 16;

type Behave = (res: ServerResponse, body: Buffer, req: IncomingMessage) => void;

async function openWorld(upstreamAt: UpstreamAt, behave: Behave) {
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => behave(res, Buffer.concat(chunks), req));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = await openMessagesGateway({
    upstreams: [await upstreamAt(`http://127.0.0.1:${port}`)],
  });
  const client = openByteClient(gateway.port);
  return {
    gateway,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await gateway[Symbol.asyncDispose]();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };

/** Letters of two, three and four bytes, and what only a careful reader lets pass. */
const RECORDED = [
  answerEvents()[0],
  'event: ping\ndata: {"type": "ping"}\n\n',
  ': a comment, "event: error" in it\n\n',
  sseEvent('content_block_delta', {
    index: 0,
    delta: { type: 'text_delta', text: 'größer 漢字 🙂 {"error":' },
  }),
  'event: future_event\ndata: {"x":1.0}\ndata: 2\nid: 7\n\n',
  ...answerEvents().slice(-2),
].join('');
const CRLF = RECORDED.replaceAll('\n', '\r\n');

/** The request says in `max_tokens` where its answer is to be cut. */
const asking = (cut: number) => JSON.stringify({ ...PROMPT, stream: true, max_tokens: cut });
const cutOf = (body: Buffer) => Number(/"max_tokens":(\d+)/.exec(body.toString())?.[1]);

/** Every byte by itself. */
const ALL_CUTS = 1_000_000;

function cut(bytes: Buffer, at: number): Buffer[] {
  return at === ALL_CUTS
    ? [...bytes].map((byte) => Buffer.of(byte))
    : [bytes.subarray(0, at), bytes.subarray(at)];
}

type UpstreamAt = (url: string) => Upstream | Promise<Upstream>;
const ANTHROPIC: UpstreamAt = (url) => anthropicAt(url);
const CLOUDS = {
  vertex: (baseUrl) => vertexAt({ baseUrl }),
  foundry: (baseUrl) => foundryAt({ baseUrl }),
} satisfies Record<string, UpstreamAt>;

async function inLanes(cuts: readonly number[], work: (at: number) => Promise<void>) {
  const left = [...cuts];
  const lane = async (): Promise<void> => {
    for (let at = left.pop(); at !== undefined; at = left.pop()) await work(at);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

describe('a stream', () => {
  const everywhere = (bytes: Buffer) => [...bytes.keys()].slice(1);
  /** On both sides of each byte that ends a line. */
  const atLineEnds = (bytes: Buffer) =>
    everywhere(bytes).filter((at) => [bytes[at - 1], bytes[at]].some((byte) => byte! < 0x20));

  for (const [name, text, upstreamAt, cutsOf] of [
    ['anthropic', RECORDED, ANTHROPIC, everywhere],
    ['anthropic, lines in CRLF', CRLF, ANTHROPIC, atLineEnds],
    ['vertex', RECORDED, CLOUDS.vertex, everywhere],
    ['vertex, lines in CRLF', CRLF, CLOUDS.vertex, atLineEnds],
    ['foundry', RECORDED, CLOUDS.foundry, atLineEnds],
  ] as const) {
    test(`of ${name} is the same wherever it is cut, and byte by byte`, async () => {
      const bytes = Buffer.from(text);
      const cuts = [ALL_CUTS, ...cutsOf(bytes)];
      await using world = await openWorld(upstreamAt, (res, body) => {
        // HTTP's own chunks: the gateway gets each by itself, whatever the packets are.
        res.writeHead(200, SSE);
        for (const part of cut(bytes, cutOf(body))) res.write(part);
        res.end();
      });
      await inLanes(cuts, async (at) => {
        const answer = await world.client.post(asking(at));
        assert.deepEqual(answer.body, bytes, `cut at ${at}`);
      });
      await world.gateway.settled();
      assert.equal(world.gateway.events.length, cuts.length);
      for (const { usage } of world.gateway.events) {
        assert.deepEqual([usage.inputTokens, usage.outputTokens], [1000, 20]);
      }
    });
  }

  test('of bedrock comes out of its binary messages the same wherever they are cut', async () => {
    const events = answerEvents({ text: '漢字 🙂' });
    const text = [events[0], ...events.slice(2, 3), ...events.slice(-2)].join('');
    const binary = Buffer.concat(messagesOf(text));
    await using world = await openWorld(
      (baseUrl) => bedrockAt({ baseUrl }),
      (res, body) => {
        res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
        for (const part of cut(binary, cutOf(body))) res.write(part);
        res.end();
      },
    );
    // At every seventh: all of them are cut in `aws-event-stream.test.ts`.
    const cuts = everywhere(binary).filter((at) => at % 7 === 0);
    await inLanes([ALL_CUTS, ...cuts], async (at) => {
      const { body } = await world.client.post(asking(at));
      assert.equal(body.toString(), text, `cut at ${at}`);
    });
  });
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('what is large', () => {
  test('of a request, to the limit: 32 MiB, whatever bytes are in its strings', async () => {
    const open = Buffer.from('{"model":"claude-opus-4-8","max_tokens":9,"x":"');
    const close = Buffer.from('"}');
    const filler = randomBytes(32 * MIB - open.length - close.length);
    // Any byte but those that end a string, escape, or may not stand in one.
    for (let at = 0; at < filler.length; at += 1) {
      const byte = filler[at]!;
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c) filler[at] = 0x78;
    }
    const sent = Buffer.concat([open, filler, close]);
    let got = '';
    await using world = await openWorld(ANTHROPIC, (res, body) => {
      got = sha256(body);
      res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    assert.equal((await world.client.post(sent)).status, 200);
    assert.equal(got, sha256(sent));
  });

  const words = 'größer 漢字 🙂 '.repeat(2_000);
  const event = sseEvent('content_block_delta', { delta: { type: 'text_delta', text: words } });
  const stream = Buffer.from(
    answerEvents().slice(0, 2).join('') +
      event.repeat(Math.ceil((16 * MIB) / Buffer.byteLength(event))) +
      answerEvents().slice(-3).join(''),
  );
  const whole = Buffer.from(
    JSON.stringify({
      content: words.repeat(Math.ceil((16 * MIB) / Buffer.byteLength(words))),
      usage: { input_tokens: 1000, output_tokens: 20 },
    }),
  );
  for (const [name, upstreamAt, type, bytes, coding] of [
    ['a stream of anthropic', ANTHROPIC, SSE['content-type'], stream, 'plain'],
    ['a stream of vertex', CLOUDS.vertex, SSE['content-type'], stream, 'gzip'],
    ['an answer of anthropic', ANTHROPIC, 'application/json', whole, 'gzip'],
    ['an answer of vertex', CLOUDS.vertex, 'application/json', whole, 'plain'],
  ] as const) {
    test(`of ${name} in ${coding}: 16 MiB`, async () => {
      await using world = await openWorld(upstreamAt, (res) => {
        res.setHeader('content-type', type);
        if (coding === 'plain') return void res.end(bytes);
        res.setHeader('content-encoding', 'gzip');
        pipeline(Readable.from([bytes]), createGzip({ level: 1 }), res, () => undefined);
      });
      const answer = await world.client.post(asking(1));
      assert.equal(answer.body.length, bytes.length);
      assert.equal(sha256(answer.body), sha256(bytes));
      const { usage } = await world.gateway.nextEvent();
      assert.deepEqual([usage.inputTokens, usage.outputTokens], [1000, 20]);
    });
  }
});

describe('what belongs to one connection', () => {
  const named = 'anthropic-private, anthropic-beta, X-Stainless-Lang';

  test('of the client does not reach the upstream, nor what Connection names', async () => {
    for (const upstreamAt of [ANTHROPIC, ...Object.values(CLOUDS)]) {
      let got: IncomingMessage['headers'] = {};
      await using world = await openWorld(upstreamAt, (res, _body, req) => {
        got = req.headers;
        res.writeHead(200, SSE).end(RECORDED);
      });
      const { status } = await world.client.post(asking(1), {
        connection: named,
        'keep-alive': 'timeout=5',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
        'proxy-connection': 'keep-alive',
        'anthropic-private': '1',
        'anthropic-beta': 'some-beta',
        'anthropic-version': '2023-06-01',
        'x-stainless-lang': 'js',
        'x-stainless-os': 'Linux',
      });
      assert.equal(status, 200);
      for (const name of ['keep-alive', 'te', 'proxy-authorization', 'proxy-connection']) {
        assert.equal(got[name], undefined, name);
      }
      assert.equal(got['anthropic-private'], undefined);
      assert.equal(got['x-stainless-lang'], undefined);
      assert.equal(got['x-stainless-os'], 'Linux', 'what is not named passes');
      assert.ok(!/some-beta/.test(String(got['anthropic-beta'])));
      assert.equal(got.connection, 'keep-alive', 'the gateway’s own');
    }
  });

  test('of the upstream does not reach the client, nor what Connection names', async () => {
    await using world = await openWorld(ANTHROPIC, (res) => {
      res.writeHead(200, {
        ...SSE,
        connection: 'close, Anthropic-Private, retry-after',
        'keep-alive': 'timeout=77',
        'proxy-authenticate': 'Basic',
        trailer: 'x-checksum',
        upgrade: 'h2c',
        'anthropic-private': '1',
        'retry-after': '7',
        'anthropic-organization-id': 'org_1',
      });
      res.end(RECORDED);
    });
    const { headers, body } = await world.client.post(asking(1));
    assert.equal(body.toString(), RECORDED);
    assert.equal(headers.connection, 'keep-alive', 'the gateway’s own');
    assert.notEqual(headers['keep-alive'], 'timeout=77');
    for (const name of ['proxy-authenticate', 'trailer', 'upgrade', 'anthropic-private']) {
      assert.equal(headers[name], undefined, name);
    }
    assert.equal(headers['retry-after'], undefined);
    assert.equal(headers['anthropic-organization-id'], 'org_1', 'what is not named passes');
  });
});
