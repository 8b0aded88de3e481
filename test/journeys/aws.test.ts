// Messages over Amazon's upstreams: signatures as AWS checks them, keys of the machine, binary streams
// that are slow, silent, abandoned or cut.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import {
  type AwsSketch,
  anthropicAwsAt,
  bedrockAt,
  chunk,
  mantleAt,
  messagesOf,
  signatureCheck,
  streamsBinary,
} from '../support/aws.ts';
import { createTestClock } from '../support/clock.ts';
import { CONTAINER_SECRET, openContainerCredentials } from '../support/container-credentials.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { checkSignature } from '../support/sigv4.ts';
import { untilTrue } from '../support/until.ts';
import { answerEvents, answers, openFakeUpstream, refuses, sendJson } from '../support/upstream.ts';
import { divert } from '../support/vertex.ts';

const STREAM = { ...PROMPT, stream: true };
/** Of 80 kB each: more than sockets on the way hold. */
const COUNT = 300;
const EVENTS = answerEvents().join('');

async function openWorld(
  create: (sketch: AwsSketch) => Upstream = bedrockAt,
  sketch: AwsSketch = {},
  others: readonly Upstream[] = [],
) {
  const amazon = await openFakeUpstream();
  const upstreams = [create({ baseUrl: amazon.url, ...sketch }), ...others];
  const gateway = await openMessagesGateway({ upstreams });
  return {
    ...{ amazon, gateway },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await amazon[Symbol.asyncDispose]();
    },
  };
}

describe('AWS would take the signature', () => {
  const places = [
    ['bedrock', bedrockAt, 'bedrock-runtime.us-east-1.amazonaws.com'],
    ['bedrock-mantle', mantleAt, 'bedrock-mantle.us-east-1.api.aws'],
    ['aws-external-anthropic', anthropicAwsAt, 'aws-external-anthropic.us-east-1.api.aws'],
  ] as const;
  for (const [service, create, host] of places) {
    test(`for ${service} at its own host, of every request`, async () => {
      await using amazon = await openFakeUpstream();
      const guardrail = service === 'bedrock' ? { guardrail: { id: 'g', version: '1' } } : {};
      const upstreams = [divert(create(guardrail), amazon.url, [])];
      await using gateway = await openMessagesGateway({ upstreams });
      const headers = { 'anthropic-beta': 'a,b', 'anthropic-foo': 'x  y', traceparent: '00-1' };
      const text = `é 𝄞 ${'x'.repeat(200_000)}`;
      const prompt = { ...PROMPT, messages: [{ role: 'user', content: text }] };
      for (const model of ['claude-opus-4-8', 'claude-haiku-4-5']) {
        await (await gateway.ask({ ...prompt, model }, { headers })).text();
        const path = '/v1/messages/count_tokens';
        await (await gateway.ask({ ...prompt, model }, { headers, path })).text();
      }
      assert.equal(amazon.seen.length, 4);
      for (const seen of amazon.seen) checkSignature(seen, signatureCheck(service, { host }));
    });
  }

  test('the check is one', async () => {
    await using world = await openWorld();
    await (await world.gateway.ask(PROMPT)).text();
    const seen = world.amazon.seen[0] ?? assert.fail();
    checkSignature(seen, signatureCheck('bedrock'));
    const amz = { ...seen.headers, 'x-amz-content-sha256': 'x' };
    for (const wrong of [
      { ...seen, body: `${seen.body} ` },
      { ...seen, path: `${seen.path}x` },
      { ...seen, headers: { ...seen.headers, host: 'elsewhere' } },
      { ...seen, headers: amz },
    ]) {
      assert.throws(() => checkSignature(wrong, signatureCheck('bedrock')), assert.AssertionError);
    }
    for (const other of [
      { secretAccessKey: 'x' },
      { region: 'eu-west-1' },
      { sessionToken: 's' },
    ]) {
      assert.throws(() => checkSignature(seen, signatureCheck('bedrock', other)));
    }
  });
});

test('keys of a container’s role: fetched once, ahead of their end; without them the next serves', async () => {
  await using container = await openContainerCredentials();
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'];
  for (const name of [...names, 'AWS_WEB_IDENTITY_TOKEN_FILE']) delete process.env[name];
  const none = '/nonexistent/aws';
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = none;
  process.env['AWS_CONFIG_FILE'] = none;
  process.env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] = container.url;
  await using spare = await openFakeUpstream();
  // The library has a clock of its own.
  const startMs = Date.now();
  const clock = createTestClock(startMs);
  const sketch: AwsSketch = { auth: { kind: 'default' }, clock };
  await using world = await openWorld(bedrockAt, sketch, [anthropicAt(spare.url)]);
  world.amazon.behave(answers());
  container.behave(200, startMs + 3_600_000);
  const ask = async () => (await world.gateway.ask(PROMPT)).text();

  await Promise.all([ask(), ask(), ask(), ask()]);
  assert.equal(container.asked(), 1);
  const check = (keys: number) =>
    signatureCheck('bedrock', {
      accessKeyId: `ASIA${keys}`,
      secretAccessKey: CONTAINER_SECRET,
      sessionToken: `session-${keys}`,
      nowMs: clock.now(),
    });
  assert.equal(world.amazon.seen.length, 4);
  for (const seen of world.amazon.seen) checkSignature(seen, check(1));

  clock.advance(3_600_000 - 200_000);
  container.behave(200, startMs + 7_200_000);
  await ask();
  checkSignature(world.amazon.seen.at(-1) ?? assert.fail(), check(1));
  await untilTrue(async () => (container.asked() === 2 ? true : null));
  await untilTrue(async () => {
    await ask();
    const said = world.amazon.seen.at(-1)?.headers['authorization'] ?? '';
    return said.includes('Credential=ASIA2/') ? true : null;
  });
  checkSignature(world.amazon.seen.at(-1) ?? assert.fail(), check(2));

  clock.advance(3_800_000);
  container.behave(403, 0);
  const before = world.amazon.seen.length;
  await ask();
  assert.equal(world.amazon.seen.length, before, 'nothing goes out unsigned');
  assert.equal(spare.seen.length, 1);
});

describe('a stream of Bedrock’s', () => {
  test('is Anthropic’s and billed by its own count', async () => {
    await using world = await openWorld();
    world.amazon.behave(streamsBinary(messagesOf(EVENTS)));
    const told = await world.gateway.ask(STREAM);
    assert.equal(told.headers.get('content-type'), 'text/event-stream');
    assert.equal(await told.text(), EVENTS);
    const { usage, estimated, upstream, region } = await world.gateway.nextEvent();
    assert.deepEqual([usage.inputTokens, usage.outputTokens, estimated], [1000, 20, false]);
    assert.deepEqual([upstream, region], ['bedrock', 'us-east-1']);
  });

  test('comes through an encoding as well', async () => {
    await using world = await openWorld();
    world.amazon.behave((res) => {
      const type = 'application/vnd.amazon.eventstream';
      res.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' });
      res.end(gzipSync(Buffer.concat(messagesOf(EVENTS))));
    });
    assert.equal(await (await world.gateway.ask(STREAM)).text(), EVENTS);
  });

  test('reaches the client event by event', async () => {
    await using world = await openWorld();
    const goOn = Promise.withResolvers<void>();
    const [first = assert.fail(), ...others] = messagesOf(EVENTS);
    world.amazon.behave(async (res) => {
      res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      res.write(first);
      await goOn.promise;
      res.end(Buffer.concat(others));
    });
    const told = await world.gateway.ask(STREAM);
    const reader = told.body?.getReader() ?? assert.fail();
    const { value } = await reader.read();
    assert.match(Buffer.from(value ?? []).toString(), /^event: message_start\ndata: .*\n\n$/);
    goOn.resolve();
    while (!(await reader.read()).done);
  });

  test('that ends within a message ends in an error event, and what came is billed', async () => {
    await using world = await openWorld();
    const bytes = Buffer.concat(messagesOf(EVENTS));
    world.amazon.behave(streamsBinary([bytes.subarray(0, -3)]));
    const text = await (await world.gateway.ask(STREAM)).text();
    const before = EVENTS.slice(0, EVENTS.indexOf('event: message_stop'));
    assert.equal(text.slice(0, before.length), before);
    assert.match(text.slice(before.length), /^event: error\ndata: .*"api_error".*\n\n$/);
    assert.equal((await world.gateway.nextEvent()).usage.inputTokens, 1000);
  });

  test('that is damaged ends so too, and nothing more is read of it', async () => {
    await using world = await openWorld();
    const [first = assert.fail(), second = assert.fail()] = messagesOf(EVENTS);
    second[20] = (second[20] ?? 0) ^ 1;
    world.amazon.behave((res) => {
      res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      res.write(Buffer.concat([first, second]));
    });
    const asked = world.amazon.next();
    const text = await (await world.gateway.ask(STREAM)).text();
    assert.match(text, /"message_start".*\n\nevent: error\n/);
    await (await asked).left;
  });

  test('ends at Bedrock when the client leaves', async () => {
    await using world = await openWorld();
    world.amazon.behave((res) => {
      res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      res.write(Buffer.concat(messagesOf(EVENTS).slice(0, 3)));
    });
    const leave = new AbortController();
    const asked = world.amazon.next();
    const told = await world.gateway.ask(STREAM, { signal: leave.signal });
    await told.body?.getReader().read();
    leave.abort();
    await (await asked).left;
    const { usage, outcome } = await world.gateway.nextEvent();
    assert.deepEqual([usage.inputTokens, outcome], [1000, 'aborted']);
  });

  test('is read no faster than the client reads', async () => {
    await using world = await openWorld();
    const text = 'x'.repeat(60_000);
    const delta = { type: 'content_block_delta', delta: { type: 'text_delta', text } };
    const bytes = chunk(JSON.stringify(delta));
    let sent = 0;
    const full = Promise.withResolvers<void>();
    world.amazon.behave(async (res) => {
      res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      for (; sent < COUNT; sent += 1) {
        if (res.write(bytes)) continue;
        const late = setTimeout(() => full.resolve(), 500);
        await once(res, 'drain');
        clearTimeout(late);
      }
      full.resolve();
      res.end();
    });
    const told = await world.gateway.ask(STREAM);
    await full.promise;
    assert.ok(sent < COUNT, `${sent} of ${COUNT} events of 80 kB were taken while nobody read`);
    const reader = told.body?.getReader() ?? assert.fail();
    let read = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      read += value.length;
    }
    assert.equal(read, COUNT * (JSON.stringify(delta).length + 35));
  });
});

describe('counting', () => {
  const path = '/v1/messages/count_tokens';

  test('an answer without usage is counted by Bedrock itself', async () => {
    await using world = await openWorld();
    world.amazon.behave((res) => sendJson(res, 200, { content: [] }));
    world.amazon.count((res) => sendJson(res, 200, { inputTokens: 77 }));
    await (await world.gateway.ask(PROMPT)).text();
    assert.equal((await world.gateway.nextEvent()).usage.inputTokens, 77);
  });

  test('what cannot be counted here is counted at the next', async () => {
    await using spare = await openFakeUpstream();
    await using world = await openWorld(bedrockAt, {}, [anthropicAt(spare.url)]);
    world.amazon.count(refuses(400, {}, { message: 'no' }));
    for (const asked of [1, 1]) {
      const told = await world.gateway.ask(PROMPT, { path });
      assert.deepEqual(await told.json(), { input_tokens: 42 });
      assert.equal(world.amazon.seen.length, asked);
    }
    assert.equal(spare.seen.length, 2);
  });

  test('a count that is none is a failure', async () => {
    await using world = await openWorld();
    world.amazon.count((res) => sendJson(res, 200, { inputTokens: -1 }));
    assert.equal((await world.gateway.ask(PROMPT, { path })).status, 502);
  });
});

test('retry-after of Amazon passes, and no account of the operator', async () => {
  const account = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x';
  const message = `${account} of 123456789012: messages.0: bad`;
  const body = { type: 'error', error: { type: 'invalid_request_error', message } };
  for (const create of [bedrockAt, mantleAt, anthropicAwsAt] as const) {
    await using world = await openWorld(create);
    world.amazon.behave(refuses(400, {}, body));
    const told = (await (await world.gateway.ask(PROMPT)).json()) as typeof body;
    assert.equal(told.error.message, 'arn:[redacted] of [redacted]: messages.0: bad');
    world.amazon.behave(refuses(429, { 'retry-after': '7' }, body));
    const slow = await world.gateway.ask(PROMPT);
    assert.deepEqual([slow.status, slow.headers.get('retry-after')], [429, '7']);
    await slow.text();
  }
});
