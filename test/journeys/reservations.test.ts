// Eight ways in which a peer's reservations went wrong, each tried here: design/users.md, "Test cases
// these threads hand us", in its order; 5 to 8 are in reservations-stores.test.ts. The threads are named
// where the list draws on one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { held, openCappedWorld } from '../support/capped-world.ts';
import { TEST_PRINCIPAL, TEST_TOKEN } from '../support/http.ts';
import { PROMPT } from '../support/messages-gateway.ts';
import { admitRequest, cents, settleRequest, userCap } from '../support/quota.ts';
import { crowd, openTwoPlanes } from '../support/two-planes.ts';
import {
  answerEvents,
  answers,
  type Behaviour,
  pausesAfter,
  sseEvent,
  startStream,
  staysSilent,
} from '../support/upstream.ts';

const { sub } = TEST_PRINCIPAL;
const STREAM = { ...PROMPT, stream: true };
/** Five cents of this model, most of it in the answer, which no byte of the prompt foretells. */
const FIVE_CENTS = answers({ usage: { input_tokens: 40 }, outputTokens: 1_992 });
const WANTS_FIVE_CENTS = { ...PROMPT, max_tokens: 2_048 };

function prompt(bytes: number, maxTokens: number): object {
  const messages = [{ role: 'user', content: 'x'.repeat(bytes) }];
  return { ...PROMPT, max_tokens: maxTokens, messages };
}

// LiteLLM #34732, #40095, #26672, #11083 (overshoot); #27639, #36926 (a new user refused).
describe('1. many at once', () => {
  for (const mode of ['estimate', 'ceiling'] as const) {
    for (const count of [2, 10, 100]) {
      test(`${count} streams at a nearly spent cap, over two data planes, ${mode}`, async () => {
        const caps = [userCap(sub, cents(100), 'monthly')];
        await using planes = await openTwoPlanes({ caps, settings: { reservation: mode } });
        const { quota, gateways } = planes;
        const earlier = admitRequest({ sub, nowMs: gateways[0].clock.now(), capsVersion: 1 });
        await quota.settle(settleRequest(earlier, cents(95)));
        const statuses = await crowd(planes, count, WANTS_FIVE_CENTS, FIVE_CENTS);
        await planes.settled();
        const { spent, reserved } = await held(gateways[0]);
        assert.deepEqual([spent, reserved], [cents(100), 0]);
        assert.equal(statuses.filter((status) => status === 200).length, 1);
      });
    }
  }

  for (const [mode, mostCents] of [
    ['estimate', 25],
    ['ceiling', 15],
  ] as const) {
    test(`a hundred streams at a fresh cap of two of them, ${mode}: ${mostCents} cents`, async () => {
      const caps = [userCap(sub, cents(10), 'monthly')];
      await using planes = await openTwoPlanes({ caps, settings: { reservation: mode } });
      for (const round of ['nothing has been answered yet', 'they come back']) {
        const statuses = await crowd(planes, 100, WANTS_FIVE_CENTS, FIVE_CENTS);
        await planes.settled();
        const { spent, reserved } = await held(planes.gateways[0]);
        assert.equal(reserved, 0);
        assert.ok(spent <= cents(mostCents), `spent ${spent} when ${round}`);
        assert.ok(statuses.every((status) => status === 200 || status === 429));
      }
    });
  }

  test('a hundred whose prompts are counted as far more than their bytes', async () => {
    const caps = [userCap(sub, cents(10), 'monthly')];
    await using planes = await openTwoPlanes({ caps });
    const counted = answers({ usage: { input_tokens: 10_000 }, outputTokens: 0 });
    await crowd(planes, 100, PROMPT, counted);
    await planes.settled();
    const { spent } = await held(planes.gateways[0]);
    assert.ok(spent <= cents(25), `spent ${spent}`);
  });

  test('a new user’s first eight requests are all served', async () => {
    const caps = [userCap(sub, cents(200), 'daily')];
    await using planes = await openTwoPlanes({ caps });
    const statuses = await crowd(planes, 8, prompt(60_000, 32_000));
    assert.deepEqual(statuses, Array(8).fill(200));
  });
});

// LiteLLM #27509, #38647 (max_tokens held in full), #29493 (an off switch for holds).
describe('2. twenty agents with long prompts and max_tokens 64 000, a cap of $25, nothing spent', () => {
  const body = prompt(600_000, 64_000);
  const cached = { input_tokens: 2_000, cache_creation_input_tokens: 148_000 };

  test('are served together', async () => {
    await using planes = await openTwoPlanes({ caps: [userCap(sub, cents(2_500), 'monthly')] });
    const usage = { ...cached, cache_read_input_tokens: 0 };
    const served = await crowd(planes, 20, body, answers({ usage, outputTokens: 1_000 }));
    assert.deepEqual(served, Array(20).fill(200));
  });

  test('four of them at least, though each is likely to cost a third of the cap', async () => {
    await using planes = await openTwoPlanes({ caps: [userCap(sub, cents(800), 'monthly')] });
    planes.upstream.behave(answers({ usage: { input_tokens: 150_000 }, outputTokens: 64_000 }));
    for (const gateway of planes.gateways) await (await gateway.ask(body)).text();
    await planes.settled();
    for (const { clock } of planes.gateways) clock.advance(31 * 86_400_000);
    const statuses = await crowd(planes, 20, body);
    assert.equal(statuses.filter((status) => status === 200).length, 4);
  });

  test('with a ceiling nobody waits for longer than others run', async () => {
    const caps = [userCap(sub, cents(2_500), 'monthly')];
    await using planes = await openTwoPlanes({ caps, settings: { reservation: 'ceiling' } });
    let waiting = 20;
    for (let round = 0; waiting > 0; round += 1) {
      assert.ok(round < 20, `${waiting} are still waiting`);
      const statuses = await crowd(planes, waiting, body);
      await planes.settled();
      const served = statuses.filter((status) => status === 200).length;
      assert.ok(served > 0, 'nobody was idle and yet nobody was served');
      waiting -= served;
    }
  });

  test('an idle person is served even where one request may cost more than the cap', async () => {
    for (const reservation of ['estimate', 'ceiling'] as const) {
      const caps = [userCap(sub, cents(1), 'monthly')];
      await using planes = await openTwoPlanes({ caps, settings: { reservation } });
      assert.deepEqual(await crowd(planes, 1, body), [200]);
    }
  });
});

// LiteLLM #27639: holds of requests that had long gone.
describe('3. a client that goes away leaves nothing held', () => {
  const raw = (port: number): string => {
    const body = JSON.stringify(STREAM);
    return [
      'POST /v1/messages HTTP/1.1',
      `host: 127.0.0.1:${port}`,
      `authorization: Bearer ${TEST_TOKEN}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
  };
  const leave: Readonly<Record<string, (port: number) => Promise<() => void>>> = {
    async cancels(port) {
      const aborter = new AbortController();
      const headers = { authorization: `Bearer ${TEST_TOKEN}` };
      const init = { method: 'POST', headers, body: JSON.stringify(STREAM) };
      const url = `http://127.0.0.1:${port}/v1/messages`;
      fetch(url, { ...init, signal: aborter.signal }).catch(() => undefined);
      return () => aborter.abort();
    },
    async 'is killed'(port) {
      const script = `const s = require('node:net').connect(${port}, '127.0.0.1');
        s.on('error', () => {}); s.resume(); s.write(${JSON.stringify(raw(port))});`;
      const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
      return () => void child.kill('SIGKILL');
    },
    async 'resets its socket'(port) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(raw(port));
      return () => void socket.resetAndDestroy();
    },
  };
  for (const [name, begin] of Object.entries(leave)) {
    test(`one that ${name}`, async () => {
      await using world = await openCappedWorld();
      world.upstream.behave(pausesAfter(4));
      const go = await begin(world.gateway.port);
      const seen = await world.upstream.next();
      assert.ok(((await held(world.gateway)).reserved ?? 0) > 0);
      const startedMs = performance.now();
      go();
      await seen.left;
      await world.gateway.settled();
      assert.ok(performance.now() - startedMs < 3_000);
      assert.equal((await held(world.gateway)).reserved, 0);
    });
  }
});

// LiteLLM #14457, #13245, #37558, #39893 (lost on abort); #37992 (an explicit zero read as missing).
describe('4. what an aborted answer costs', () => {
  const delta = (fields: object) => sseEvent('content_block_delta', { index: 0, delta: fields });
  const begun = answerEvents().slice(0, 1);
  const half = 'x'.repeat(40);
  const aborted: Readonly<Record<string, readonly [Behaviour, number, number]>> = {
    'before the first byte: the prompt, as the upstream counts it': [staysSilent, 42, 0],
    'after message_start: the prompt': [writes(begun), 1000, 0],
    'mid text: what was said': [
      writes([...begun, delta({ type: 'text_delta', text: half })]),
      ...([1000, 10] as const),
    ],
    // With the JSON around it, as the reference counts (capture 05b).
    'mid thinking: what was thought': [
      writes([...begun, delta({ type: 'thinking_delta', thinking: half })]),
      ...([1000, 12] as const),
    ],
    'mid tool JSON: what was written': [
      writes([...begun, delta({ type: 'input_json_delta', partial_json: half })]),
      ...([1000, 14] as const),
    ],
  };
  for (const [name, [behaviour, inputTokens, outputTokens]] of Object.entries(aborted)) {
    test(name, async () => {
      await using world = await openCappedWorld();
      world.upstream.behave(behaviour);
      const aborter = new AbortController();
      const asking = world.gateway.ask(STREAM, { signal: aborter.signal });
      const reading = asking.then(async (response) => {
        await response.body?.getReader().read();
      });
      reading.catch(() => undefined);
      await world.upstream.next();
      if (behaviour !== staysSilent) await reading;
      aborter.abort();
      const { usage, outcome, costMicroUsd } = await world.gateway.nextEvent();
      assert.deepEqual(
        [outcome, usage.inputTokens, usage.outputTokens],
        ['aborted', inputTokens, outputTokens],
      );
      await world.gateway.settled();
      assert.deepEqual(await held(world.gateway), { spent: costMicroUsd, reserved: 0 });
    });
  }

  test('zeros that an upstream reports are its count, and teach nothing', async () => {
    await using world = await openCappedWorld();
    const zeros = { input_tokens: 0, output_tokens: 0 };
    world.upstream.behave(answers({ usage: zeros, outputTokens: 0 }));
    await (await world.gateway.ask(PROMPT)).text();
    const { costMicroUsd, estimated } = await world.gateway.nextEvent();
    assert.deepEqual([costMicroUsd, estimated], [0, false]);
    world.upstream.behave(staysSilent);
    const aborter = new AbortController();
    world.gateway.ask(PROMPT, { signal: aborter.signal }).catch(() => undefined);
    await world.upstream.next();
    await world.upstream.next();
    assert.ok(((await held(world.gateway)).reserved ?? 0) > 0);
    aborter.abort();
    await world.gateway.settled();
  });
});

function writes(events: readonly string[]): Behaviour {
  return (res) => {
    startStream(res);
    res.write(events.join(''));
  };
}
