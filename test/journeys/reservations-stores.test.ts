// The second half of the eight ways in which a peer's reservations went wrong (design/users.md, "Test
// cases these threads hand us"); 1 to 4 are in reservations.test.ts.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { microUsd } from '#shared/domain/money.ts';
import { held, openCappedWorld } from '../support/capped-world.ts';
import { TEST_PRINCIPAL } from '../support/http.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { skipUnless } from '../support/needed.ts';
import { cents, userCap } from '../support/quota.ts';
import { startRedisQuota } from '../support/redis-quota.ts';
import { findRedis } from '../support/servers/redis.ts';
import { answers, type Behaviour, openFakeUpstream } from '../support/upstream.ts';

const { sub } = TEST_PRINCIPAL;
const STREAM = { ...PROMPT, stream: true };

// Bifrost #2873: a passthrough route that nobody had capped.
test('5. every route that reaches a model is admitted: at a spent cap none reaches it', async () => {
  await using world = await openCappedWorld(microUsd(0));
  const paths = [
    ...['/v1/messages', '/v1/messages?beta=true', '/v1/messages/', '/V1/Messages', '//v1/messages'],
    ...['/v1/messages/batches', '/v1/complete', '/v1/chat/completions', '/messages'],
    ...['/v1/messages%2f', '/v1/./messages', '/v1/x/../messages', '/anthropic/v1/messages'],
  ];
  for (const path of paths) {
    for (const body of [PROMPT, STREAM]) {
      const response = await world.gateway.ask(body, { path });
      await response.text();
      assert.ok([404, 405, 429].includes(response.status), `${path}: ${response.status}`);
    }
  }
  await (await world.gateway.ask(PROMPT, { path: '/v1/messages/count_tokens' })).text();
  assert.deepEqual(
    world.upstream.seen.map(({ path }) => path),
    ['/v1/messages/count_tokens'],
  );
});

// Bifrost #6914: an edit of a budget set its usage to nothing.
test('6. an edited cap never changes what was spent', async () => {
  await using world = await openCappedWorld();
  await (await world.gateway.ask(PROMPT)).text();
  await world.gateway.settled();
  const before = await held(world.gateway);
  const { quota } = world.gateway;
  const weekly = userCap(sub, cents(100), 'weekly');
  const scope = { type: 'organization' } as const;
  const budget = { id: 'b', scope, period: 'monthly', amountMicroUsd: cents(1) } as const;
  const tables = [
    { caps: [], budgets: [] },
    { caps: [userCap(sub, cents(1), 'monthly')], budgets: [] },
    { caps: [weekly, { ...weekly, id: 'm', model: 'opus' }], budgets: [budget] },
    { caps: [userCap(sub, null, 'monthly')], budgets: [] },
  ];
  for (const [at, table] of tables.entries()) {
    await quota.publishCaps({ ...table, version: 2 + at });
    assert.deepEqual(await held(world.gateway), before);
  }
});

describe('7. a store that hangs', () => {
  // LiteLLM #18708, #21908: requests that waited for a database.
  test('the ledger, behind the bus: nobody waits for it, and the outbox keeps the usage', async () => {
    await using upstream = await openFakeUpstream();
    const gateway = await openMessagesGateway({
      upstreams: [anthropicAt(upstream.url)],
      publish: () => new Promise(() => undefined),
    });
    const startedMs = performance.now();
    for (let nth = 0; nth < 5; nth += 1) {
      const response = await gateway.ask(PROMPT);
      assert.equal(response.status, 200);
      await response.text();
    }
    assert.ok(performance.now() - startedMs < 5_000);
    const nowMs = gateway.clock.now();
    assert.equal((await gateway.quota.outbox(nowMs, 10)).length, 5);
    assert.deepEqual(await held(gateway), { spent: 5 * 5_500, reserved: 0 });
    await gateway[Symbol.asyncDispose]();
  });

  const redis = findRedis();
  test('Redis: requests wait its time-out and no longer, and the bus gets the usage', {
    skip: skipUnless(redis),
  }, async () => {
    if (!redis.available) return;
    await using server = await startRedisQuota(redis.program);
    await using store = await server.open({ timeoutMs: 50 });
    await using upstream = await openFakeUpstream();
    const upstreams = [anthropicAt(upstream.url)];
    await using gateway = await openMessagesGateway({ upstreams, quota: () => store });
    await (await gateway.ask(PROMPT)).text();
    await gateway.nextEvent();
    server.server.signal('SIGSTOP');
    try {
      const startedMs = performance.now();
      const response = await gateway.ask(PROMPT);
      await response.text();
      assert.equal(response.status, 200);
      assert.ok(performance.now() - startedMs < 2_000);
      assert.equal((await gateway.nextEvent()).costMicroUsd, 5_500);
    } finally {
      server.server.signal('SIGCONT');
    }
    await gateway.settled();
  });
});

// LiteLLM #36008 and the reference: an answer of 30 MB without usage was billed $187.
describe('8. an answer that nobody can count', () => {
  const noCount: Behaviour = (res) => void res.writeHead(500).end();
  const huge: Readonly<Record<string, Behaviour>> = {
    'is no JSON': (res) => void res.end('x'.repeat(3_000_000)),
    'is 30 MB of JSON without usage': (res) =>
      void res.end(`{"type":"message","content":"${'x'.repeat(30_000_000)}"}`),
    'reports negative tokens': answers({ usage: { input_tokens: -1_000_000 }, outputTokens: -5 }),
    'reports absurd tokens': answers({ usage: { input_tokens: 1e15 } }),
    'reports fractions of tokens': answers({ usage: { input_tokens: 0.5 } }),
  };
  for (const [name, behaviour] of Object.entries(huge)) {
    test(`because it ${name} costs no more than it can have`, async () => {
      await using world = await openCappedWorld();
      world.upstream.behave(behaviour);
      world.upstream.count(noCount);
      const response = await world.gateway.ask(PROMPT);
      assert.equal(response.status, 200);
      await response.arrayBuffer();
      const { usage, estimated, costMicroUsd } = await world.gateway.nextEvent();
      assert.equal(estimated, true);
      assert.ok(usage.outputTokens > 0 && usage.outputTokens <= PROMPT.max_tokens);
      // Its bytes at the input rate and all of max_tokens.
      assert.ok(costMicroUsd > 0 && costMicroUsd < 2_500);
      await world.gateway.settled();
      assert.deepEqual(await held(world.gateway), { spent: costMicroUsd, reserved: 0 });
    });
  }
});
