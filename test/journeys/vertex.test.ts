// Claude on Google Cloud over real HTTP: what it costs there, what happens when it does not serve, and
// what of Google's words reaches the client and the operator.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import type { MessagesSettings } from '../../services/data-plane/messages-deps.ts';
import { createMemoryLog } from '../support/log.ts';
import { anthropicAt, MODEL, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import {
  answerEvents,
  answers,
  openFakeUpstream,
  pausesAfter,
  refuses,
  sseEvent,
} from '../support/upstream.ts';
import { PROJECT, type VertexSketch, vertexAt } from '../support/vertex.ts';

/** Vertex first, Anthropic's API second. */
async function openWorld(sketch: VertexSketch = {}, settings: Partial<MessagesSettings> = {}) {
  const [google, anthropic] = await Promise.all([openFakeUpstream(), openFakeUpstream()]);
  const log = createMemoryLog();
  const vertex = vertexAt({ baseUrl: google.url, log, ...sketch });
  const upstreams = [vertex, anthropicAt(anthropic.url, 'anthropic')];
  const gateway = await openMessagesGateway({ upstreams, settings });
  return {
    ...{ google, anthropic, gateway, log },
    async ask(body: object = PROMPT) {
      const response = await gateway.ask(body);
      return { response, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await google[Symbol.asyncDispose]();
      await anthropic[Symbol.asyncDispose]();
    },
  };
}

describe('an answer of Vertex', () => {
  for (const [region, costMicroUsd, row] of [
    ['global', 5_500, 'claude-opus-4-8'],
    ['us-east5', 6_050, 'claude-opus-4-8/regional'],
    ['eu', 6_050, 'claude-opus-4-8/multi-region'],
  ] as const) {
    test(`from ${region} costs ${costMicroUsd} micro-USD`, async () => {
      await using world = await openWorld({ region });
      await world.ask();
      const event = await world.gateway.nextEvent();
      assert.deepEqual(
        [event.costMicroUsd, event.priceRow, event.region, event.upstream, event.provider],
        [costMicroUsd, row, region, 'google', 'vertex'],
      );
    });
  }

  test('streams as it came, and is billed by the count in it', async () => {
    await using world = await openWorld({ region: 'global' });
    const { text } = await world.ask({ ...PROMPT, stream: true });
    assert.equal(text, answerEvents().join(''));
    assert.match(world.google.seen[0]?.path ?? '', /:streamRawPredict$/);
    assert.equal((await world.gateway.nextEvent()).costMicroUsd, 5_500);
  });

  test('keeps the type of an error in its stream', async () => {
    await using world = await openWorld();
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    world.google.behave(pausesAfter(2, (res) => res.end(sseEvent('error', { error }))));
    const { text } = await world.ask({ ...PROMPT, stream: true });
    assert.ok(text.endsWith(`,"error":${JSON.stringify(error)}}\n\n`));
  });

  test('without usage is counted by Vertex, under the model’s name', async () => {
    await using world = await openWorld();
    world.google.behave((res) => void res.end('{"type":"message","content":[]}'));
    await world.ask();
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.usage.inputTokens, event.estimated], [42, true]);
    const counting = world.google.seen[1];
    assert.match(counting?.path ?? '', /\/count-tokens:rawPredict$/);
    assert.equal(JSON.parse(counting?.body ?? '').model, MODEL);
  });
});

describe('the next upstream serves', () => {
  const served = async (world: Awaited<ReturnType<typeof openWorld>>) => {
    const { response } = await world.ask();
    assert.equal(response.status, 200);
    assert.equal(world.anthropic.seen.length, 1);
    assert.equal((await world.gateway.nextEvent()).upstream, 'anthropic');
  };

  for (const status of [401, 403, 404, 429, 500, 501, 503, 529]) {
    test(`after Vertex answered ${status}`, async () => {
      await using world = await openWorld();
      world.google.behave(refuses(status));
      await served(world);
      // The body that the second gets is the client's own, not what the first made of it.
      assert.equal(world.anthropic.seen[0]?.body, JSON.stringify(PROMPT));
    });
  }

  test('while Google gives no token', async () => {
    const gone = new AppError('unavailable', 'The upstream is not available; try again.');
    await using world = await openWorld({ token: () => Promise.reject(gone) });
    await served(world);
    assert.equal(world.google.seen.length, 0);
    const [warning] = world.gateway.log.lines.filter(({ level }) => level === 'warn');
    assert.deepEqual(
      [warning?.message, warning?.fields['upstream']],
      ['upstream failed, trying next', 'google'],
    );
  });

  test('when the token does not come within upstream_ttfb_ms', async () => {
    await using world = await openWorld({ token: () => new Promise(() => {}) }, { ttfbMs: 50 });
    await served(world);
  });
});

describe('when every upstream fails', () => {
  const cases = [
    [429, '17', '17', 'rate_limit_error'],
    [429, null, null, 'rate_limit_error'],
    [529, '17', '17', 'overloaded_error'],
    [529, null, '5', 'overloaded_error'],
  ] as const;
  for (const [status, own, told, type] of cases) {
    test(`${status} with retry-after ${own} is told with ${told}`, async () => {
      await using world = await openWorld();
      const headers: Record<string, string> = own === null ? {} : { 'retry-after': own };
      world.google.behave(refuses(status, headers, { error: { message: 'x' } }));
      world.anthropic.behave(refuses(503));
      const { response, text } = await world.ask();
      assert.equal(response.status, status);
      assert.equal(response.headers.get('retry-after'), told);
      assert.equal(JSON.parse(text).error.type, type);
    });
  }

  test('a service account without permission is the operator’s alert, not a sign-in', async () => {
    await using world = await openWorld();
    world.google.behave(refuses(403));
    world.anthropic.behave(refuses(503));
    const { response, text } = await world.ask();
    assert.deepEqual([response.status, JSON.parse(text).error.type], [502, 'api_error']);
    const alerts = world.gateway.log.lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      alerts.map(({ fields }) => [fields['upstream'], fields['status']]),
      [['google', 403]],
    );
  });
});

describe('what Google says about a refusal', () => {
  const CANARY = 'the heron stands in the reeds';
  const prompt = { ...PROMPT, messages: [{ role: 'user', content: CANARY }] };
  const refusal = (message: string) => ({
    error: { code: 400, status: 'INVALID_ARGUMENT', message, details: [{ value: CANARY }] },
  });

  test('is the operator’s to read, without a word of the prompt', async () => {
    await using world = await openWorld();
    const message = `Invalid value at 'contents[0].role' in projects/${PROJECT}: "${CANARY}"`;
    world.google.behave(refuses(400, {}, refusal(message)));
    const { response, text } = await world.ask(prompt);
    assert.equal(response.status, 400);
    assert.equal(JSON.parse(text).error.message, 'upstream rejected the request');
    const [line, ...more] = world.log.lines;
    assert.deepEqual([line?.level, line?.message, more], ['warn', 'a cloud refused a request', []]);
    assert.deepEqual(line?.fields, {
      upstream: 'google',
      request_id: response.headers.get('x-request-id'),
      status: 400,
      upstream_status: 'INVALID_ARGUMENT',
      upstream_message: `Invalid value at 'contents[0].role' in projects/${PROJECT}: [quoted]`,
    });
    assert.doesNotMatch(JSON.stringify([world.log.lines, world.gateway.log.lines]), /heron/);
  });

  test('is bounded', async () => {
    await using world = await openWorld();
    world.google.behave(refuses(500, {}, refusal('x'.repeat(100_000))));
    world.anthropic.behave(answers());
    await world.ask(prompt);
    assert.equal(String(world.log.lines[0]?.fields['upstream_message']).length, 500);
  });
});
