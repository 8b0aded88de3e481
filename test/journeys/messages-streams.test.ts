// Streams that do not go to their end: the client leaves, the upstream dies, the gateway stops.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { decodeUsageEvent } from '#shared/events/usage-v1.ts';
import { TEST_TOKEN } from '../support/http.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
  PROMPT,
  standing,
} from '../support/messages-gateway.ts';
import {
  answerEvents,
  openFakeUpstream,
  pausesAfter,
  sseEvent,
  startStream,
  staysSilent,
} from '../support/upstream.ts';

const STREAM = { ...PROMPT, stream: true };

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

/** Reads until so many bytes are there, then returns what came. */
async function readSome(response: Response, bytes: number) {
  const reader = response.body!.getReader();
  let text = '';
  while (text.length < bytes) {
    const { value, done } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  return text;
}

/** Milliseconds until the promise resolves; fails after a second. */
async function msUntil(promise: Promise<unknown>): Promise<number> {
  const start = performance.now();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('not within a second')), 1000);
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
  return performance.now() - start;
}

describe('a client that leaves', () => {
  test('mid-stream ends the upstream within 100 ms and pays for what was streamed', async () => {
    await using world = await openWorld();
    world.upstream.behave(pausesAfter(4));
    const aborter = new AbortController();
    const response = await world.gateway.ask(STREAM, { signal: aborter.signal });
    const expected = answerEvents().slice(0, 4).join('');
    assert.equal(await readSome(response, expected.length), expected);
    const seen = await world.upstream.next();
    aborter.abort();
    assert.ok((await msUntil(seen.left)) < 100);
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.outcome, event.estimated], ['aborted', true]);
    // "Hello " and "from ": eleven characters.
    assert.deepEqual([event.usage.inputTokens, event.usage.outputTokens], [1000, 3]);
  });

  test('before the first event ends the upstream and pays for the prompt it counts', async () => {
    await using world = await openWorld();
    world.upstream.behave(staysSilent);
    const aborter = new AbortController();
    const asking = world.gateway.ask(STREAM, { signal: aborter.signal });
    const gone = assert.rejects(asking);
    const seen = await world.upstream.next();
    aborter.abort();
    await gone;
    assert.ok((await msUntil(seen.left)) < 100);
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.outcome, event.estimated, event.status], ['aborted', true, 0]);
    assert.deepEqual([event.usage.inputTokens, event.usage.outputTokens], [42, 0]);
  });

  test('after the final count pays exactly that', async () => {
    await using world = await openWorld();
    const events = answerEvents();
    world.upstream.behave(pausesAfter(events.length - 1));
    const aborter = new AbortController();
    const response = await world.gateway.ask(STREAM, { signal: aborter.signal });
    await readSome(response, events.slice(0, -1).join('').length);
    aborter.abort();
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.estimated, event.costMicroUsd], [false, 5_500]);
  });

  test('without reading makes the gateway hold back the upstream instead of its memory', async () => {
    await using world = await openWorld();
    const total = 300 * 1024 * 1024;
    const chunk = sseEvent('content_block_delta', {
      index: 0,
      delta: { type: 'text_delta', text: 'x'.repeat(64 * 1024) },
    });
    let sent = 0;
    const stalled = Promise.withResolvers<void>();
    world.upstream.behave((res) => {
      startStream(res);
      res.write(answerEvents()[0]);
      const pump = (): void => {
        while (sent < total && !res.destroyed) {
          sent += chunk.length;
          if (!res.write(chunk)) {
            stalled.resolve();
            return;
          }
        }
      };
      res.on('drain', pump);
      pump();
    });
    const socket = await rawRequest(world.gateway.port, JSON.stringify(STREAM));
    await once(socket, 'readable');
    const seen = await world.upstream.next();
    await stalled.promise;
    await quiet(() => sent);
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes went out to nobody`);
    socket.destroy();
    assert.ok((await msUntil(seen.left)) < 100);
    assert.equal((await world.gateway.nextEvent()).outcome, 'aborted');
  });
});

/** A client that sends a request and reads nothing of the answer. */
async function rawRequest(port: number, body: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return socket;
}

/** Resolves when the number has stood still for twenty turns of the event loop's I/O. */
async function quiet(read: () => number): Promise<void> {
  for (let last = -1, still = 0; still < 20; still = read() === last ? still + 1 : 0) {
    last = read();
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  }
}

describe('an upstream that dies', () => {
  const die = (res: ServerResponse) => setImmediate(() => res.socket?.resetAndDestroy());

  test('between two events ends the stream with an error event, and what came is billed', async () => {
    await using world = await openWorld();
    world.upstream.behave(pausesAfter(4, die));
    const response = await world.gateway.ask(STREAM);
    const text = await response.text();
    const sent = answerEvents().slice(0, 4).join('');
    assert.ok(text.startsWith(sent));
    const [name, data] = text.slice(sent.length).trimEnd().split('\ndata: ');
    assert.equal(name, 'event: error');
    assert.deepEqual(JSON.parse(data ?? ''), {
      type: 'error',
      request_id: response.headers.get('x-request-id'),
      error: {
        type: 'api_error',
        message: 'the upstream broke off its answer; send the request again',
      },
    });
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.outcome, event.usage.inputTokens], ['aborted', 1000]);
  });

  test('within an event leaves the client an error event all the same', async () => {
    await using world = await openWorld();
    world.upstream.behave(
      pausesAfter(1, (res) => {
        res.write('event: content_block_delta\ndata: {"type":"content_bl');
        die(res);
      }),
    );
    const text = await (await world.gateway.ask(STREAM)).text();
    const last = text.trimEnd().split('\n\n').at(-1) ?? '';
    assert.match(last, /\nevent: error\ndata: \{"type":"error".*"api_error"/);
  });

  test('before the first event costs nothing', async () => {
    await using world = await openWorld();
    world.upstream.behave(pausesAfter(0, die));
    const text = await (await world.gateway.ask(STREAM)).text();
    assert.match(text, /^event: error\n/);
    await world.gateway.settled();
    const now = world.gateway.clock.now();
    assert.deepEqual(await standing(world.gateway.quota, now), { pending: 0, reserved: 0 });
    assert.equal(world.gateway.events.length, 0);
  });

  test('before a body that is no stream has begun is a 502', async () => {
    await using world = await openWorld();
    world.upstream.behave((res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      res.flushHeaders();
      die(res);
    });
    const response = await world.gateway.ask(PROMPT);
    assert.equal(response.status, 502);
    assert.match(await response.text(), /the upstream broke off its answer/);
  });

  test('after an error event of its own is not given a second one', async () => {
    await using world = await openWorld();
    const error = sseEvent('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
    world.upstream.behave(
      pausesAfter(2, (res) => {
        res.write(error);
        die(res);
      }),
    );
    const text = await (await world.gateway.ask(STREAM)).text();
    assert.equal(text, answerEvents().slice(0, 2).join('') + error);
  });
});

describe('a gateway that stops', () => {
  test('ends open streams with an error that clients retry, and bills them', async () => {
    await using world = await openWorld();
    world.upstream.behave(pausesAfter(4));
    const response = await world.gateway.ask(STREAM);
    const sent = answerEvents().slice(0, 4).join('');
    const seen = await world.upstream.next();
    const text = response.text();
    await world.gateway.drain(50);
    assert.match((await text).slice(sent.length), /"overloaded_error"/);
    await seen.left;
    assert.equal(world.gateway.events[0]?.outcome, 'aborted');
    const { quota, clock } = world.gateway;
    assert.equal((await standing(quota, clock.now())).reserved, 0);
  });

  test('waits for a stream that ends in time', async () => {
    await using world = await openWorld();
    const goOn = Promise.withResolvers<void>();
    world.upstream.behave(
      pausesAfter(2, async (res) => {
        await goOn.promise;
        for (const event of answerEvents().slice(2)) res.write(event);
        res.end();
      }),
    );
    const text = (await world.gateway.ask(STREAM)).text();
    const drained = world.gateway.drain(60_000);
    goOn.resolve();
    await drained;
    assert.equal(await text, answerEvents().join(''));
    assert.equal(world.gateway.events[0]?.outcome, 'complete');
  });
});

test('a process that is killed leaves a draft that bills its stream', async () => {
  await using world = await openWorld();
  world.upstream.behave(pausesAfter(1));
  const response = await world.gateway.ask(STREAM);
  await readSome(response, 10);
  world.gateway.clock.advance(60_001);
  const [orphan] = await world.gateway.quota.expired(world.gateway.clock.now(), 10);
  const draft = decodeUsageEvent(orphan?.draft ?? '');
  assert.deepEqual([draft.outcome, draft.estimated, draft.id], ['orphaned', true, orphan?.id]);
  assert.ok(draft.costMicroUsd > 0);
});

describe('the audit of a stream', () => {
  const audits = (gateway: MessagesGateway) =>
    gateway.log.lines.filter(({ message }) => message === 'inference');

  test('is there with its headers, says how long they took, and is not said twice', async () => {
    await using world = await openWorld();
    const { gateway, upstream } = world;
    const goOn = Promise.withResolvers<void>();
    upstream.behave(async (res, seen) => {
      gateway.clock.advance(700);
      await pausesAfter(2)(res, seen);
      await goOn.promise;
      for (const event of answerEvents().slice(2)) res.write(event);
      res.end();
    });
    const response = await gateway.ask(STREAM);
    assert.equal(audits(gateway).length, 1, 'before the stream has ended');
    const { fields } = audits(gateway)[0]!;
    assert.deepEqual([fields['status'], fields['ms'], fields['upstream']], [200, 700, 'a']);
    assert.equal(fields['upstream_request_id'], 'req_upstream_1');
    assert.equal(fields['request_id'], response.headers.get('x-request-id'));
    gateway.clock.advance(5_000);
    goOn.resolve();
    await response.text();
    await gateway.nextEvent();
    assert.equal(audits(gateway).length, 1);
  });

  test('of an answer that is none waits for its end', async () => {
    await using world = await openWorld();
    const { gateway, upstream } = world;
    upstream.behave((res) => {
      res.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      setImmediate(() => res.destroy());
    });
    assert.equal((await gateway.ask(PROMPT)).status, 502);
    assert.deepEqual(
      audits(gateway).map(({ fields }) => fields['status']),
      [502],
    );
  });
});
