// A process that has more to do than it can: who is told to come again, and who is not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type OverloadOptions, openOverload } from '#shared/http/overload.ts';
import { createGatewayHome, gatewayYaml, mintSession, startGateway } from '../support/gateway.ts';
import { createMemoryLog } from '../support/log.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { answerEvents, openFakeUpstream, pausesAfter, streams } from '../support/upstream.ts';

const STREAM = { ...PROMPT, stream: true };
const CALM = { delayMs: 60_000, openRequestsMax: null };

async function openWorld(options: Partial<OverloadOptions> = {}) {
  const log = createMemoryLog();
  const overload = openOverload({ limits: () => CALM, memoryPart: () => 0, log, ...options });
  const upstream = await openFakeUpstream();
  let verified = 0;
  const gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstream.url)],
    overload,
    verify: async () => {
      verified += 1;
      return { sub: 'u1', email: null, name: 'U', groups: [], sessionId: 's', ...TIMES };
    },
  });
  return {
    log,
    overload,
    upstream,
    gateway,
    verified: () => verified,
    /** A stream that stands open until it is told to finish. */
    async held() {
      const goOn = Promise.withResolvers<void>();
      upstream.behave(
        pausesAfter(2, async (res) => {
          await goOn.promise;
          res.end(answerEvents().slice(2).join(''));
        }),
      );
      const response = await gateway.ask(STREAM);
      upstream.behave(streams());
      return {
        async finish() {
          goOn.resolve();
          assert.equal(await response.text(), answerEvents().join(''));
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      overload[Symbol.dispose]();
    },
  };
}

const TIMES = { issuedAtMs: 0, expiresAtMs: Number.MAX_SAFE_INTEGER };
type World = Awaited<ReturnType<typeof openWorld>>;

async function assertRefused(response: Response): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, 529);
  const seconds = Number(response.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 4, `retry-after ${seconds}`);
  const { type, request_id, error } = JSON.parse(text);
  assert.equal(type, 'error');
  assert.equal(request_id, response.headers.get('x-request-id'));
  assert.equal(error.type, 'overloaded_error');
}

async function assertServed({ gateway }: World): Promise<void> {
  const response = await gateway.ask(STREAM);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), answerEvents().join(''));
}

/** Keeps the event loop busy, turn after turn, until it is told to stop. */
function keepBusy(turnMs: number): () => void {
  let isOver = false;
  const turn = (): void => {
    spin(turnMs);
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
  };
}

function spin(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** Until it is true, looked at by turns of the event loop. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const giveUpAtMs = performance.now() + 20_000;
  while (!(await isTrue())) assert.ok(performance.now() < giveUpAtMs, 'it did not come about');
}

describe('more requests than the operator allows', () => {
  test('are told 529 before any work, and what runs goes on', async () => {
    await using world = await openWorld({ limits: () => ({ ...CALM, openRequestsMax: 2 }) });
    const first = await world.held();
    const second = await world.held();
    const [asked, verified] = [world.upstream.seen.length, world.verified()];
    await assertRefused(await world.gateway.ask(STREAM));
    await assertRefused(await world.gateway.ask('no json', { path: '/v1/messages/count_tokens' }));
    assert.equal(world.upstream.seen.length, asked);
    assert.equal(world.verified(), verified, 'not even the session was looked at');
    assert.equal((await world.gateway.usage()).status, 200, 'what is no such request is served');
    assert.match(world.overload.trouble() ?? '', /open_requests_max.*2 are open/);
    await first.finish();
    await assertServed(world);
    await second.finish();
  });

  test('whose clients left make room', async () => {
    await using world = await openWorld({ limits: () => ({ ...CALM, openRequestsMax: 1 }) });
    world.upstream.behave(pausesAfter(1));
    const aborter = new AbortController();
    await world.gateway.ask(STREAM, { signal: aborter.signal });
    await assertRefused(await world.gateway.ask(STREAM));
    aborter.abort();
    await world.gateway.nextEvent();
    world.upstream.behave(streams());
    await assertServed(world);
  });
});

test('a process that is late time after time refuses what is new until it has caught up', async () => {
  await using world = await openWorld({ limits: () => ({ ...CALM, delayMs: 100 }) });
  const held = await world.held();
  const calm = keepBusy(250);
  await until(async () => {
    const response = await world.gateway.ask(STREAM);
    if (response.status === 529) await assertRefused(response);
    else await response.text();
    return response.status === 529;
  });
  assert.match(world.overload.trouble() ?? '', /overload_delay_ms/);
  calm();
  await until(async () => {
    const response = await world.gateway.ask(STREAM);
    await response.text();
    return response.status === 200;
  });
  await held.finish();
});

test('a process whose memory is nearly gone takes on no more while something is open', async () => {
  let part = 0.95;
  await using world = await openWorld({ memoryPart: () => part });
  const held = await world.held();
  await until(async () => {
    const response = await world.gateway.ask(STREAM);
    await response.text();
    return response.status === 529;
  });
  await held.finish();
  // Memory that nobody's request holds is no reason to serve nobody.
  await assertServed(world);
  part = 0.5;
});

test('the program obeys its file, and says so to whoever looks after it', async () => {
  await using upstream = await openFakeUpstream();
  upstream.behave(pausesAfter(2));
  const yaml = gatewayYaml({ upstreamUrl: upstream.url, more: 'limits: { open_requests_max: 1 }' });
  await using home = await createGatewayHome(yaml);
  await using gateway = await startGateway(home);
  const authorization = `Bearer ${await mintSession(gateway.url, 'u1')}`;
  const aborter = new AbortController();
  const ask = () =>
    fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization },
      body: JSON.stringify(STREAM),
      signal: aborter.signal,
    });
  assert.equal((await ask()).status, 200);
  await assertRefused(await ask());
  assert.equal((await fetch(`${gateway.url}/healthz`)).status, 200);
  const ready = await fetch(`${gateway.url}/readyz`);
  assert.equal(ready.status, 200);
  assert.match(await ready.text(), /^load: requests are told to come again/m);
  const models = await fetch(`${gateway.url}/v1/models`, { headers: { authorization } });
  assert.equal(models.status, 200);
  const signIn = await fetch(`${gateway.url}/oauth/device_authorization`, { method: 'POST' });
  assert.notEqual(signIn.status, 529);
  aborter.abort();
});
