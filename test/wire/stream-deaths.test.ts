// Answers that break off, dawdle or come over connections that have died, as captured (03b), replayed
// over HTTP. On purpose not the same: a stream ends in an error event instead of a reset, and an answer
// of which nothing was sent is a 502.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
  PROMPT,
} from '../support/messages-gateway.ts';
import {
  answerEvents,
  answers,
  type Behaviour,
  type FakeUpstream,
  openFakeUpstream,
  startStream,
} from '../support/upstream.ts';

interface Death {
  readonly kind: string;
  readonly name: string;
  readonly wire?: readonly string[];
  readonly st?: readonly unknown[];
}

const captured = readFileSync(new URL('captures/03-failover.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Death)
  .filter(({ kind }) => kind === 'death');

function named(name: string): Death {
  return captured.find((one) => one.name.startsWith(name)) ?? assert.fail(name);
}

/** What the reference's client got at last: the rest of the body, an end, or a reset. */
function endOf(death: Death): 'reset' | 'end' {
  return death.wire?.includes('<ERR ECONNRESET>') === true ? 'reset' : 'end';
}

const STREAM = { ...PROMPT, stream: true };
const TTFB_MS = 400;
const SENT = answerEvents().slice(0, 5);
const dies = (res: ServerResponse) => void setImmediate(() => res.socket?.resetAndDestroy());

describe('answers that end badly', () => {
  let upstream: FakeUpstream;
  let gateway: MessagesGateway;
  before(async () => {
    upstream = await openFakeUpstream();
    const upstreams = [anthropicAt(upstream.url)];
    gateway = await openMessagesGateway({ upstreams, settings: { ttfbMs: TTFB_MS } });
  });
  beforeEach(() => gateway.clock.advance(61_000));
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  async function ask(body: object, behaviour: Behaviour) {
    upstream.behave(behaviour);
    const response = await gateway.ask(body);
    const chunks: string[] = [];
    let end: 'reset' | 'end' = 'end';
    try {
      for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk).toString());
    } catch {
      end = 'reset';
    }
    return {
      status: response.status,
      requestId: response.headers.get('x-request-id'),
      chunks,
      end,
    };
  }

  const brokeOff = (requestId: string | null) =>
    `event: error\ndata: ${JSON.stringify({
      ...{ type: 'error', request_id: requestId },
      error: {
        type: 'api_error',
        message: 'the upstream broke off its answer; send the request again',
      },
    })}\n\n`;

  test('a stream whose upstream resets mid-way: what came, then an error event; billed', async () => {
    assert.equal(endOf(named('stream: upstream destroys socket mid-stream')), 'reset');
    const told = await ask(STREAM, (res) => {
      startStream(res);
      for (const event of SENT) res.write(event);
      dies(res);
    });
    assert.deepEqual([told.status, told.end], [200, 'end']);
    assert.equal(told.chunks.join(''), SENT.join('') + brokeOff(told.requestId));
    const event = await gateway.nextEvent();
    assert.deepEqual([event.outcome, event.estimated], ['aborted', true]);
    assert.equal(event.usage.inputTokens, 1000);
    assert.ok(event.usage.outputTokens > 0);
  });

  test('a stream whose upstream resets behind its headers: an error event', async () => {
    assert.equal(endOf(named('stream: upstream sends headers then resets')), 'reset');
    const told = await ask(STREAM, (res) => {
      startStream(res);
      res.flushHeaders();
      dies(res);
    });
    assert.deepEqual([told.status, told.end], [200, 'end']);
    assert.equal(told.chunks.join(''), brokeOff(told.requestId));
  });

  test('a stream that ends cleanly without its last events is passed on as it is', async () => {
    assert.equal(endOf(named('stream: upstream ends cleanly without')), 'end');
    const told = await ask(STREAM, (res) => {
      startStream(res);
      for (const event of SENT) res.write(event);
      res.end();
    });
    assert.deepEqual([told.status, told.end], [200, 'end']);
    assert.equal(told.chunks.join(''), SENT.join(''));
    assert.equal((await gateway.nextEvent()).usage.inputTokens, 1000);
  });

  const PART = '{"id":"msg_1","type":"mess';
  const lengths = { chunked: {}, 'content-length': { 'content-length': '200' } };
  for (const [framing, length] of Object.entries(lengths)) {
    test(`an answer that breaks off within its JSON (${framing}) is cut`, async () => {
      const death = named(`non-stream: upstream dies mid-JSON (${framing})`);
      assert.ok(death.wire?.[0]?.includes(`${PART}\r\n`));
      const goOn = Promise.withResolvers<void>();
      upstream.behave(async (res) => {
        res.writeHead(200, { 'content-type': 'application/json', ...length });
        res.write(PART);
        await goOn.promise;
        dies(res);
      });
      const response = await gateway.ask(PROMPT);
      const reader = response.body!.getReader();
      const { value } = await reader.read();
      assert.equal(Buffer.from(value ?? []).toString(), PART);
      goOn.resolve();
      assert.equal(endOf(death), 'reset');
      await assert.rejects(reader.read());
      assert.equal((await gateway.nextEvent()).outcome, 'aborted');
    });
  }

  test('an answer of which only the headers came is a 502', async () => {
    assert.equal(endOf(named('non-stream: upstream sends headers then resets')), 'reset');
    const told = await ask(PROMPT, (res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.flushHeaders();
      dies(res);
    });
    assert.deepEqual([told.status, told.end], [502, 'end']);
    assert.match(told.chunks.join(''), /the upstream broke off its answer/);
  });

  test('pings pass one by one as they come', async () => {
    const wire = named('stream: ping cadence passes through unbuffered').wire ?? [];
    const pings = wire.slice(1, 4).map((chunk) => chunk.slice(chunk.indexOf('\r\n') + 2, -2));
    let send = (_event: string): void => assert.fail('not asked yet');
    upstream.behave((res) => {
      startStream(res);
      res.write(SENT[0]);
      send = (event) => void res.write(event);
    });
    const left = new AbortController();
    const response = await gateway.ask(STREAM, { signal: left.signal });
    const reader = response.body!.getReader();
    const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
    assert.equal(await next(), SENT[0]);
    for (const ping of pings) {
      send(ping);
      assert.equal(await next(), ping);
    }
    left.abort();
    await gateway.nextEvent();
  });

  test('the time to first byte does not bound the body', async () => {
    assert.ok(captured.some(({ name }) => name === 'ttfb does not bound the body'));
    const told = await ask(STREAM, (res) => {
      startStream(res);
      res.write(SENT[0]);
      setTimeout(() => res.end(answerEvents().slice(1).join('')), TTFB_MS + 100);
    });
    assert.deepEqual([told.status, told.end], [200, 'end']);
    assert.equal(told.chunks.join(''), answerEvents().join(''));
    await gateway.nextEvent();
  });

  for (const [how, times] of [
    ['resets', 30],
    ['FINs', 15],
  ] as const) {
    test(`an upstream that ${how} its idle connections is asked over new ones, ${times} times`, async () => {
      const death = named(`upstream ${how} idle keep-alive sockets`);
      assert.equal(death.st?.length, times);
      let idle: Socket | null = null;
      upstream.seen.length = 0;
      for (let i = 0; i < times; i += 1) {
        const last = idle as Socket | null;
        if (last !== null) {
          if (how === 'resets') last.resetAndDestroy();
          else last.end();
          await once(last, 'close');
        }
        const told = await ask(PROMPT, (res, seen) => {
          idle = res.socket;
          return answers()(res, seen);
        });
        assert.equal(told.status, 200, `request ${i}`);
        await gateway.nextEvent();
      }
      assert.equal(new Set(upstream.seen.map(({ clientPort }) => clientPort)).size, times);
    });
  }
});
