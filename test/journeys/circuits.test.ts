// Upstreams that fail are passed over for a while, without asking them; who says when to come back is
// left alone until then. Nobody is refused what might work.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import {
  answers,
  type Behaviour,
  openFakeUpstream,
  pausesAfter,
  refuses,
  type SeenRequest,
  sseEvent,
} from '../support/upstream.ts';

const OTHER = { ...PROMPT, model: 'claude-sonnet-4-6' };
const OVERLOADED = sseEvent('error', {
  error: { type: 'overloaded_error', message: 'Overloaded' },
});
const STREAM = { ...PROMPT, stream: true };

async function openPair(settings: { ttfbMs?: number } = {}) {
  const [a, b] = await Promise.all([openFakeUpstream(), openFakeUpstream()]);
  const upstreams = [anthropicAt(a.url, 'a'), anthropicAt(b.url, 'b')];
  const gateway = await openMessagesGateway({ upstreams, settings });
  return {
    ...{ a, b, gateway },
    /** Statuses, and how often each upstream was asked. */
    async ask(times: number, body: object = PROMPT, path = '/v1/messages') {
      a.seen.length = 0;
      b.seen.length = 0;
      const statuses = new Set<number>();
      for (let i = 0; i < times; i += 1) {
        const response = await gateway.ask(body, { path });
        await response.text();
        statuses.add(response.status);
      }
      return { statuses: [...statuses], asked: [a.seen.length, b.seen.length] };
    },
    /** What the log says of circuits. */
    told: () =>
      gateway.log.lines.flatMap(({ message, fields }) =>
        /^an upstream (serves again|is passed over)/.test(message)
          ? [`${message}: ${fields['upstream']} ${fields['model']} ${fields['why'] ?? ''}`.trim()]
          : [],
      ),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

describe('an upstream that fails', () => {
  test('is passed over after five failures, for that model alone, and told of', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(503));
    assert.deepEqual(await pair.ask(20), { statuses: [200], asked: [5, 20] });
    assert.deepEqual(await pair.ask(1, OTHER), { statuses: [200], asked: [1, 1] });
    assert.deepEqual(await pair.ask(1, PROMPT, '/v1/messages/count_tokens'), {
      ...{ statuses: [200], asked: [1, 0] },
    });
    assert.deepEqual(pair.gateway.passedOver(), [
      'a is passed over for claude-opus-4-8: 5 of its last 5 attempts failed',
    ]);
    assert.deepEqual(pair.told(), [
      'an upstream is passed over after failures: a claude-opus-4-8 status 503',
    ]);
  });

  test('serves again once a probe worked, and is probed ever more seldom until then', async () => {
    await using pair = await openPair();
    const { clock } = pair.gateway;
    pair.a.behave(refuses(500));
    await pair.ask(5);
    for (const waitMs of [5_000, 10_000, 20_000]) {
      clock.advance(waitMs - 1);
      assert.deepEqual((await pair.ask(2)).asked, [0, 2]);
      clock.advance(1);
      assert.deepEqual((await pair.ask(2)).asked, [1, 2]);
    }
    pair.a.behave(answers());
    clock.advance(40_000);
    assert.deepEqual((await pair.ask(3)).asked, [3, 0]);
    assert.deepEqual(pair.gateway.passedOver(), []);
    assert.equal(pair.told().at(-1), 'an upstream serves again: a claude-opus-4-8');
  });

  test('is probed by one request at a time', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(500));
    await pair.ask(5);
    pair.gateway.clock.advance(5_000);
    const arrived = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    pair.a.behave(async (res, seen) => {
      arrived.resolve();
      await goOn.promise;
      await answers()(res, seen);
    });
    pair.a.seen.length = 0;
    const probe = pair.gateway.ask(PROMPT);
    await arrived.promise;
    const others = await Promise.all([1, 2, 3].map(() => pair.gateway.ask(PROMPT)));
    assert.deepEqual(
      others.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.equal(pair.a.seen.length, 1);
    goOn.resolve();
    assert.equal((await probe).status, 200);
    assert.deepEqual((await pair.ask(1)).asked, [1, 0]);
  });

  test('whose probe the client gave up is probed again by the next', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(500));
    await pair.ask(5);
    pair.gateway.clock.advance(5_000);
    const arrived = Promise.withResolvers<SeenRequest>();
    pair.a.behave((_res, seen) => arrived.resolve(seen));
    const aborter = new AbortController();
    const gone = assert.rejects(pair.gateway.ask(PROMPT, { signal: aborter.signal }));
    const seen = await arrived.promise;
    aborter.abort();
    await gone;
    await seen.left;
    await pair.gateway.settled();
    pair.a.behave(answers());
    assert.deepEqual((await pair.ask(1)).asked, [1, 0]);
  });

  const failures: readonly (readonly [string, Behaviour])[] = [
    ['that denies the model (403)', refuses(403)],
    ['that redirects', refuses(302)],
    [
      'that breaks off its streams',
      pausesAfter(3, (res) => void setImmediate(() => res.destroy())),
    ],
    [
      'whose streams begin with an error',
      refuses(200, { 'content-type': 'text/event-stream' }, OVERLOADED),
    ],
  ];
  for (const [name, behaviour] of failures) {
    test(`${name} is passed over`, async () => {
      await using pair = await openPair();
      pair.a.behave(behaviour);
      const { asked } = await pair.ask(12, STREAM);
      assert.equal(asked[0], 5);
    });
  }

  const harmless: readonly (readonly [string, Behaviour])[] = [
    ['that refuses requests (400)', refuses(400)],
    ['that does not know the model (404)', refuses(404)],
    ['at its limit (429) that names no time', refuses(429)],
  ];
  for (const [name, behaviour] of harmless) {
    test(`${name} is asked all the same`, async () => {
      await using pair = await openPair();
      pair.a.behave(behaviour);
      assert.equal((await pair.ask(12)).asked[0], 12);
      assert.deepEqual(pair.gateway.passedOver(), []);
    });
  }

  test('to count tokens with 501 is asked all the same', async () => {
    await using pair = await openPair();
    pair.a.count(refuses(501));
    assert.deepEqual(await pair.ask(12, PROMPT, '/v1/messages/count_tokens'), {
      ...{ statuses: [200], asked: [12, 12] },
    });
  });

  test('that refuses the gateway’s key is passed over for every model', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(401));
    assert.deepEqual((await pair.ask(3)).asked, [3, 3]);
    assert.deepEqual((await pair.ask(9, OTHER)).asked, [2, 9]);
    assert.deepEqual((await pair.ask(1)).asked, [0, 1]);
    assert.deepEqual(pair.gateway.passedOver(), [
      "a is passed over: it refused the gateway's credentials in 5 of its last 5 attempts",
    ]);
    pair.a.behave(answers());
    pair.gateway.clock.advance(5_000);
    assert.deepEqual((await pair.ask(2)).asked, [2, 0]);
  });
});

describe('when every upstream fails', () => {
  test('one of them is asked all the same, and serves as soon as it can', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(500));
    pair.b.behave(refuses(500));
    await pair.ask(5);
    pair.gateway.clock.advance(1);
    assert.deepEqual(await pair.ask(3), { statuses: [502], asked: [3, 0] });
    pair.a.behave(answers());
    assert.deepEqual(await pair.ask(2), { statuses: [200], asked: [2, 0] });
  });

  test('one that was passed over is the last resort behind those that were not', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(500));
    await pair.ask(5);
    pair.a.behave(answers());
    pair.b.behave(refuses(500));
    assert.deepEqual(await pair.ask(1), { statuses: [200], asked: [1, 1] });
    assert.deepEqual(await pair.ask(1), { statuses: [200], asked: [1, 0] });
  });
});

describe('an upstream that says when to come back', () => {
  for (const status of [429, 529]) {
    test(`with a ${status} is left alone until then`, async () => {
      await using pair = await openPair();
      const { clock } = pair.gateway;
      pair.a.behave(refuses(status, { 'retry-after': '7' }));
      assert.deepEqual(await pair.ask(3), { statuses: [200], asked: [1, 3] });
      assert.deepEqual((await pair.ask(1, OTHER)).asked, [1, 1]);
      assert.deepEqual(pair.gateway.passedOver(), [], 'that is no trouble');
      pair.a.behave(answers());
      clock.advance(6_999);
      assert.deepEqual((await pair.ask(1)).asked, [0, 1]);
      clock.advance(1);
      assert.deepEqual((await pair.ask(1)).asked, [1, 0]);
    });
  }

  test('by a date is understood, and a day is a minute', async () => {
    await using pair = await openPair();
    const { clock } = pair.gateway;
    const date = (ms: number) => new Date(clock.now() + ms).toUTCString();
    for (const [retryAfter, ms] of [
      [date(9_000), 9_000],
      ['86400', 60_000],
    ] as const) {
      pair.a.behave(refuses(429, { 'retry-after': retryAfter }));
      await pair.ask(1);
      pair.a.behave(answers());
      clock.advance(ms - 1);
      assert.deepEqual((await pair.ask(1)).asked, [0, 1], retryAfter);
      clock.advance(1);
      assert.deepEqual((await pair.ask(1)).asked, [1, 0], retryAfter);
    }
  });

  test('is asked all the same when it is the only one', async () => {
    await using pair = await openPair();
    pair.a.behave(refuses(429, { 'retry-after': '30' }));
    pair.b.behave(refuses(429, { 'retry-after': '20' }));
    assert.deepEqual(await pair.ask(1), { statuses: [429], asked: [1, 1] });
    assert.deepEqual(await pair.ask(1), { statuses: [429], asked: [0, 1] }, 'the sooner one');
  });
});
