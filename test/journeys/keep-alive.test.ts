// Pings into silent streams of a cloud. The ticker is a mock and the clock stands still, so that a test
// says when time passes; sockets run in real time.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, mock, test } from 'node:test';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { anthropicAwsAt, bedrockAt, mantleAt, messagesOf } from '../support/aws.ts';
import { anthropicGoogleCloudAt, foundryAt } from '../support/cloud-upstreams.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { answerEvents, openFakeUpstream } from '../support/upstream.ts';
import { vertexAt } from '../support/vertex.ts';

const PING = 'event: ping\ndata: {"type": "ping"}\n\n';
const STREAM = { ...PROMPT, stream: true };
const HEAD = { 'content-type': 'text/event-stream' };

before(() => mock.timers.enable({ apis: ['setInterval'] }));
after(() => mock.timers.reset());

type UpstreamAt = (baseUrl: string) => Upstream | Promise<Upstream>;

/** Who is silent while the model thinks (wire/04d). */
const CLOUDS: Readonly<Record<string, UpstreamAt>> = {
  vertex: (baseUrl) => vertexAt({ baseUrl }),
  anthropicGoogleCloud: (baseUrl) => anthropicGoogleCloudAt({ baseUrl }),
  bedrock: (baseUrl) => bedrockAt({ baseUrl }),
  mantle: (baseUrl) => mantleAt({ baseUrl }),
  anthropicAws: (baseUrl) => anthropicAwsAt({ baseUrl }),
  foundry: (baseUrl) => foundryAt({ baseUrl }),
};

async function openWorld(upstreamAt: UpstreamAt = (baseUrl) => vertexAt({ baseUrl })) {
  const upstream = await openFakeUpstream();
  const gateway = await openMessagesGateway({ upstreams: [await upstreamAt(upstream.url)] });
  const answering = Promise.withResolvers<ServerResponse>();
  upstream.behave((res) => answering.resolve(res));
  return {
    gateway,
    upstream,
    /** The upstream's answer, for the test to write. */
    answer: () => answering.promise,
    pass(seconds: number) {
      for (let at = 0; at < seconds; at += 5) {
        gateway.clock.advance(5_000);
        mock.timers.tick(5_000);
      }
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** Reads on as the answer comes. */
function reading(response: Response) {
  const reader = response.body!.getReader();
  let text = '';
  return {
    /** Resolves when exactly this has come since the last call. */
    async comes(expected: string) {
      while (text.length < expected.length) {
        const { value, done } = await reader.read();
        assert.ok(!done, `${JSON.stringify(text)} is all there was`);
        text += Buffer.from(value).toString();
      }
      assert.equal(text, expected);
      text = '';
    },
    async rest() {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return text;
        text += Buffer.from(value).toString();
      }
    },
  };
}

test('after fifteen seconds of silence a ping, and another after fifteen more', async () => {
  await using world = await openWorld();
  const asking = world.gateway.ask(STREAM);
  const res = await world.answer();
  const events = answerEvents();
  res.writeHead(200, HEAD).write(events[0]);
  const stream = reading(await asking);
  await stream.comes(events[0] ?? '');
  world.pass(15);
  await stream.comes(PING);
  world.pass(30);
  await stream.comes(PING + PING);
  res.end(events.slice(1).join(''));
  assert.equal(await stream.rest(), events.slice(1).join(''), 'and none before its time');
  const { usage, estimated } = await world.gateway.nextEvent();
  assert.deepEqual([usage.outputTokens, estimated], [20, false]);
});

test('between the upstream’s headers and its first event too', async () => {
  await using world = await openWorld();
  const asking = world.gateway.ask(STREAM);
  const res = await world.answer();
  res.writeHead(200, HEAD).flushHeaders();
  const stream = reading(await asking);
  world.pass(15);
  await stream.comes(PING);
  res.destroy();
  // A ping is nothing that the model has begun: nothing is owed.
  assert.match(await stream.rest(), /^event: error/);
  await world.gateway.settled();
  assert.equal(world.gateway.events.length, 0);
});

for (const [name, upstreamAt] of Object.entries(CLOUDS)) {
  test(`${name}: fifty silent seconds have three pings, the first event and the last stand`, async () => {
    await using world = await openWorld(upstreamAt);
    const asking = world.gateway.ask(STREAM);
    const res = await world.answer();
    const events = answerEvents();
    const [first = '', rest] = [events[0], events.slice(1).join('')];
    const isBinary = name === 'bedrock';
    const sent = (text: string) => (isBinary ? Buffer.concat(messagesOf(text)) : text);
    const type = isBinary ? 'application/vnd.amazon.eventstream' : HEAD['content-type'];
    res.writeHead(200, { 'content-type': type }).write(sent(first));
    const stream = reading(await asking);
    await stream.comes(first);
    world.pass(50);
    await stream.comes(PING.repeat(3));
    res.end(sent(rest));
    assert.equal(await stream.rest(), rest);
    assert.equal((await world.gateway.nextEvent()).usage.outputTokens, 20);
  });
}

test('never before the upstream’s headers', async () => {
  await using world = await openWorld();
  const asking = world.gateway.ask(STREAM);
  const res = await world.answer();
  world.pass(60);
  res.writeHead(200, HEAD).end(answerEvents().join(''));
  assert.equal(await (await asking).text(), answerEvents().join(''));
});

test('whatever is sent puts the next ping off', async () => {
  await using world = await openWorld();
  const asking = world.gateway.ask(STREAM);
  const res = await world.answer();
  const events = answerEvents();
  res.writeHead(200, HEAD).write(events[0]);
  const stream = reading(await asking);
  await stream.comes(events[0] ?? '');
  world.pass(10);
  res.write(events[1]);
  await stream.comes(events[1] ?? '');
  world.pass(10);
  res.write(events[2]);
  await stream.comes(events[2] ?? '');
  world.pass(15);
  await stream.comes(PING);
});

test('never within an event: it waits until the event is whole', async () => {
  await using world = await openWorld();
  const asking = world.gateway.ask(STREAM);
  const res = await world.answer();
  const [first = '', second = ''] = answerEvents();
  res.writeHead(200, HEAD).write(first + second.slice(0, 40));
  const stream = reading(await asking);
  await stream.comes(first + second.slice(0, 40));
  world.pass(60);
  res.write(second.slice(40));
  await stream.comes(second.slice(40));
  world.pass(15);
  await stream.comes(PING);
});

test('none after the end, and none in what Anthropic itself sends', async () => {
  await using world = await openWorld((url) => anthropicAt(url));
  const asking = world.gateway.ask(STREAM);
  const res = await world.answer();
  res.writeHead(200, HEAD).write(answerEvents()[0]);
  const response = await asking;
  world.pass(60);
  res.end(answerEvents().slice(1).join(''));
  assert.equal(await response.text(), answerEvents().join(''));
  world.pass(60);
});
