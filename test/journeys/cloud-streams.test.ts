// Streams of a cloud: error events in our words, everything else byte for byte.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMemoryLog } from '../support/log.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { answerEvents, openFakeUpstream, sseEvent } from '../support/upstream.ts';
import { PROJECT, vertexAt } from '../support/vertex.ts';

const STREAM = { ...PROMPT, stream: true };

async function openWorld(provider: 'vertex' | 'anthropic' = 'vertex') {
  const upstream = await openFakeUpstream();
  const at =
    provider === 'vertex' ? vertexAt({ baseUrl: upstream.url }) : anthropicAt(upstream.url);
  const gateway = await openMessagesGateway({ upstreams: [at] });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe('an error event of a cloud', () => {
  const first = answerEvents().slice(0, 3).join('');
  const told = async (error: string, provider?: 'anthropic') => {
    await using world = await openWorld(provider);
    world.upstream.behave((res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      // Split in the middle of the name and of the id.
      for (const part of [first + error.slice(0, 9), error.slice(9, 90), error.slice(90)]) {
        res.write(part);
      }
      res.end();
    });
    const response = await world.gateway.ask(STREAM);
    const text = await response.text();
    assert.equal(text.slice(0, first.length), first);
    const { usage } = await world.gateway.nextEvent();
    assert.equal(usage.inputTokens, 1000, 'what came before is billed');
    return { said: text.slice(first.length), requestId: response.headers.get('x-request-id') };
  };

  test('keeps its type and loses the project', async () => {
    for (const [type, message, shown] of [
      ['overloaded_error', `Overloaded projects/${PROJECT}`, 'Overloaded'],
      ['rate_limit_error', `Quota of ${PROJECT}`, 'upstream rate limit exceeded'],
      ['timeout_error', `projects/${PROJECT} timed out`, 'upstream error'],
      ['invalid_request_error', `projects/${PROJECT}/x: no`, 'projects/[redacted]/x: no'],
    ]) {
      const { said, requestId } = await told(sseEvent('error', { error: { type, message } }));
      const error = { type, message: shown };
      const data = JSON.stringify({ type: 'error', request_id: requestId, error });
      assert.equal(said, `event: error\ndata: ${data}\n\n`);
    }
  });

  test('in the words of Google becomes what its code says', async () => {
    for (const [code, type] of [
      [429, 'rate_limit_error'],
      [503, 'api_error'],
    ]) {
      const google = { error: { code, message: `projects/${PROJECT}`, status: 'X' } };
      const { said } = await told(`data: ${JSON.stringify(google)}\n\n`);
      assert.match(said, new RegExp(`^event: error\\ndata: .*"${type}"`));
      assert.ok(!said.includes(PROJECT));
    }
  });

  test('about the credential of the gateway does not make a developer sign in again', async () => {
    for (const type of ['authentication_error', 'permission_error']) {
      const { said } = await told(sseEvent('error', { error: { type, message: PROJECT } }));
      assert.match(said, /"error":\{"type":"api_error","message":"upstream error"\}/);
    }
  });

  test('is in the log in the words of the cloud', async () => {
    const log = createMemoryLog();
    await using upstream = await openFakeUpstream();
    const google = vertexAt({ baseUrl: upstream.url, log });
    await using gateway = await openMessagesGateway({ upstreams: [google] });
    upstream.behave((res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      const message = `in ${PROJECT}: "a quoted prompt"`;
      res.end(sseEvent('error', { error: { type: 'api_error', message } }));
    });
    const response = await gateway.ask(STREAM);
    await response.text();
    assert.deepEqual(log.lines, [
      {
        level: 'warn',
        message: 'a cloud ended a stream with an error',
        fields: {
          upstream: 'google',
          request_id: response.headers.get('x-request-id'),
          upstream_status: 'api_error',
          upstream_message: `in ${PROJECT}: [quoted]`,
        },
      },
    ]);
  });

  test('of Anthropic itself passes as it is', async () => {
    const error = sseEvent('error', { error: { type: 'overloaded_error', message: PROJECT } });
    assert.equal((await told(error, 'anthropic')).said, error);
  });
});

test('every other event of a cloud is byte for byte the upstream’s', async () => {
  await using world = await openWorld();
  const events = [
    ': a comment\n\n',
    ...answerEvents().slice(0, 3),
    'event: future_event\r\ndata: {"x":1.0}\r\n\r\n',
    ...answerEvents().slice(3),
  ].join('');
  world.upstream.behave((res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let at = 0; at < events.length; at += 7) res.write(events.slice(at, at + 7));
    res.end();
  });
  assert.equal(await (await world.gateway.ask(STREAM)).text(), events);
  assert.equal((await world.gateway.nextEvent()).estimated, false);
});

test('a stream of a cloud is not to be cached, whatever the cloud says of it', async () => {
  for (const [provider, said, told] of [
    ['vertex', undefined, 'no-cache'],
    ['vertex', 'no-store', 'no-store'],
    ['anthropic', undefined, null],
  ] as const) {
    await using world = await openWorld(provider);
    world.upstream.behave((res) => {
      if (said !== undefined) res.setHeader('cache-control', said);
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end(answerEvents().join(''));
    });
    const response = await world.gateway.ask(STREAM);
    await response.text();
    assert.equal(response.headers.get('cache-control'), told);
  }
});
