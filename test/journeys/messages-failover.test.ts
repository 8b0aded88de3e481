// Two upstreams, the first of which fails: when the second is asked, and what the client is told when
// both fail.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anthropicAt, openMessagesGateway, PROMPT, standing } from '../support/messages-gateway.ts';
import {
  answers,
  type Behaviour,
  openFakeUpstream,
  refuses,
  resets,
  staysSilent,
} from '../support/upstream.ts';

async function openPair(settings: { ttfbMs?: number } = {}) {
  const [a, b] = await Promise.all([openFakeUpstream(), openFakeUpstream()]);
  const upstreams = [anthropicAt(a.url, 'a'), anthropicAt(b.url, 'b')];
  const gateway = await openMessagesGateway({ upstreams, settings });
  return {
    a,
    b,
    gateway,
    async ask(first: Behaviour, second: Behaviour) {
      // What failed before is forgotten: here each request is the first.
      gateway.clock.advance(61_000);
      a.behave(first);
      b.behave(second);
      a.seen.length = 0;
      b.seen.length = 0;
      const response = await gateway.ask(PROMPT);
      const { status, headers } = response;
      const body = await response.text();
      return { status, headers, body, asked: [a.seen.length, b.seen.length] };
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

const FAILING = [401, 403, 404, 429, 500, 501, 502, 503, 504, 520, 529, 599, 301, 302, 307];
const FINAL = [400, 402, 405, 408, 409, 413, 418, 422, 424, 425, 451, 499];

describe('one upstream fails', () => {
  test('the next one serves after every status that is the upstream’s own trouble', async () => {
    await using pair = await openPair();
    for (const status of FAILING) {
      const location = { location: `${pair.b.url}/elsewhere` };
      const told = await pair.ask(refuses(status, location), answers());
      assert.deepEqual([status, told.status, told.asked], [status, 200, [1, 1]]);
      assert.equal(told.headers.get('location'), null);
    }
  });

  test('a status about the request itself is final and passed on as it is', async () => {
    await using pair = await openPair();
    for (const status of FINAL) {
      const told = await pair.ask(refuses(status, { 'x-should-retry': 'false' }), answers());
      assert.deepEqual([status, told.status, told.asked], [status, status, [1, 0]]);
      const error = { type: 'some_error', message: `${status} from it` };
      assert.deepEqual(JSON.parse(told.body), { type: 'error', error });
      assert.equal(told.headers.get('x-should-retry'), 'false');
      assert.equal(told.headers.get('request-id'), null);
    }
    await pair.gateway.settled();
    const now = pair.gateway.clock.now();
    assert.deepEqual(await standing(pair.gateway.quota, now), { pending: 0, reserved: 0 });
  });

  test('the next one serves after a reset, a refused connection and a silence', async () => {
    await using pair = await openPair({ ttfbMs: 200 });
    for (const first of [resets, staysSilent]) {
      const told = await pair.ask(first, answers());
      assert.deepEqual([told.status, told.asked], [200, [1, 1]]);
    }
    await pair.a[Symbol.asyncDispose]();
    const told = await pair.ask(resets, answers());
    assert.deepEqual([told.status, told.asked], [200, [0, 1]]);
    const warnings = pair.gateway.log.lines.filter(({ level }) => level === 'warn');
    assert.equal(warnings.length, 3);
  });

  test('a failed attempt costs nothing', async () => {
    await using pair = await openPair();
    await pair.ask(refuses(500), answers());
    const event = await pair.gateway.nextEvent();
    assert.deepEqual([event.upstream, event.costMicroUsd], ['b', 5_500]);
    await pair.ask(refuses(500), refuses(500));
    await pair.gateway.settled();
    const { events, quota, clock } = pair.gateway;
    assert.equal(events.length, 1);
    assert.deepEqual(await standing(quota, clock.now()), { pending: 5_500, reserved: 0 });
  });

  test('connections to an upstream are kept and used again', async () => {
    await using pair = await openPair();
    for (let i = 0; i < 3; i += 1) {
      const response = await pair.gateway.ask(PROMPT);
      await response.text();
    }
    assert.equal(new Set(pair.a.seen.map(({ clientPort }) => clientPort)).size, 1);
  });
});

describe('both upstreams fail', () => {
  // The client's status for [first, second].
  const matrix: [number, number, number][] = [
    [429, 500, 429],
    [500, 429, 429],
    [429, 529, 429],
    [529, 529, 529],
    [500, 529, 529],
    [401, 401, 502],
    [401, 404, 502],
    [403, 501, 502],
    [404, 500, 404],
    [404, 501, 404],
    [501, 500, 501],
    [500, 503, 502],
    [504, 520, 502],
    [302, 302, 502],
  ];
  test('the client is told what helps it most', async () => {
    await using pair = await openPair();
    for (const [first, second, expected] of matrix) {
      const told = await pair.ask(refuses(first), refuses(second));
      assert.deepEqual([first, second, told.status], [first, second, expected]);
      assert.deepEqual(told.asked, [1, 1]);
    }
  });

  test('overload keeps its type and says when to come back', async () => {
    await using pair = await openPair();
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    for (const [own, told] of [
      ['7', '7'],
      [null, '5'],
    ] as const) {
      const headers: Record<string, string> = own === null ? {} : { 'retry-after': own };
      const overloaded = refuses(529, headers, { type: 'error', error });
      const answer = await pair.ask(overloaded, overloaded);
      assert.equal(answer.status, 529);
      assert.equal(answer.headers.get('retry-after'), told);
      assert.deepEqual(JSON.parse(answer.body), { type: 'error', error });
    }
  });

  test('a rate limit keeps its own time and is given none', async () => {
    await using pair = await openPair();
    for (const own of ['12', null]) {
      const headers: Record<string, string> = own === null ? {} : { 'retry-after': own };
      const answer = await pair.ask(refuses(429, headers), refuses(503));
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, own]);
    }
  });

  test('the sentence names how many were configured', async () => {
    await using pair = await openPair();
    const told = await pair.ask(resets, refuses(503));
    const { error } = JSON.parse(told.body);
    assert.deepEqual(error, { type: 'api_error', message: 'all upstreams failed (2 attempted)' });
  });

  test('a bad key of the gateway is 502 for the client and an alert for the operator', async () => {
    await using pair = await openPair();
    const told = await pair.ask(refuses(401), refuses(401));
    assert.equal(told.status, 502);
    assert.match(JSON.parse(told.body).error.message, /gateway operator/);
    const alerts = pair.gateway.log.lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      alerts.map(({ fields }) => fields['upstream']),
      ['a', 'b'],
    );
    const denied = await pair.ask(refuses(401), refuses(403));
    assert.equal(denied.status, 502);
    assert.match(JSON.parse(denied.body).error.message, /does not let the gateway use this model/);
    const texts = pair.gateway.log.lines.filter(({ level }) => level === 'error').slice(2);
    assert.match(texts[0]?.message ?? '', /refused the credentials/);
    assert.match(texts[1]?.message ?? '', /denied the gateway a request/);
  });
});

test('every request put to an upstream leaves one audit line', async () => {
  await using pair = await openPair();
  await pair.ask(refuses(500), answers());
  await pair.ask(refuses(500), refuses(503));
  const lines = pair.gateway.log.lines.filter(({ message }) => message === 'inference');
  assert.deepEqual(
    lines.map(({ fields }) => [fields['upstream'], fields['status'], fields['path']]),
    [
      ['b', 200, '/v1/messages'],
      [null, 502, '/v1/messages'],
    ],
  );
});
