import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import { createTestClock } from '../../support/clock.ts';
import { createInbox } from '../../support/inbox.ts';
import { openSqliteInstance, temporaryDatabase } from '../../support/sqlite-instance.ts';
import { collect, message } from './harness.ts';
import { usageBusContract } from './suite.ts';

const ATTEMPTS_MAX = 4;

usageBusContract({
  name: 'embedded',
  async open() {
    const clock = createTestClock();
    const options = { clock, attemptsMax: ATTEMPTS_MAX, pollMs: 5 };
    const openPort = (database: Parameters<Parameters<typeof openSqliteInstance>[0]>[0]) =>
      openEmbeddedBus({ database, ...options });
    const instance = await openSqliteInstance(openPort, 'openBusAt');
    return { ...instance, passPause: () => clock.advance(600_000) };
  },
  capabilities: { attemptsMax: ATTEMPTS_MAX, deduplicates: true },
});

describe('the embedded bus', { timeout: 20_000 }, () => {
  it('wakes a subscription at the commit, not at the poll', async () => {
    using file = temporaryDatabase();
    const clock = createTestClock();
    await using bus = await openEmbeddedBus({ path: file.path, clock, pollMs: 3_600_000 });
    const inbox = collect(bus, 'usage.v1');
    for (let nth = 1; nth <= 50; nth += 1) {
      await bus.publish('usage.v1', message(`${nth}`));
      await inbox.has(nth);
    }
  });

  it('doubles the pause with every attempt, up to ten minutes', async () => {
    using file = temporaryDatabase();
    const clock = createTestClock();
    const path = file.path;
    await using bus = await openEmbeddedBus({ path, clock, attemptsMax: 13, pollMs: 3_600_000 });
    let attempts = 0;
    const subscription = bus.subscribe({
      topic: 'usage.v1',
      batchMax: 1,
      inFlightMax: 1,
      handle: async () => {
        attempts += 1;
        throw new Error('away');
      },
    });
    await bus.publish('usage.v1', message('bad'));
    await subscription.idle();
    for (const pauseSeconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]) {
      const before = attempts;
      clock.advance(pauseSeconds * 1000 - 1);
      await subscription.idle();
      assert.equal(attempts, before, `nothing before ${pauseSeconds} s`);
      clock.advance(1);
      await subscription.idle();
      assert.equal(attempts, before + 1, `again after ${pauseSeconds} s`);
    }
    assert.equal((await bus.deadLetters('usage.v1', 1))[0]?.attempts, 13);
  });

  it('shares the work between subscriptions: nothing that is in work is delivered twice', async () => {
    using file = temporaryDatabase();
    await using bus = await openEmbeddedBus({ path: file.path, clock: createTestClock() });
    const inbox = createInbox<string>();
    const subscribe = () =>
      bus.subscribe({
        topic: 'usage.v1',
        batchMax: 3,
        inFlightMax: 3,
        handle: async (batch) => {
          await new Promise((resolve) => setImmediate(resolve));
          for (const { id } of batch) inbox.put(id);
          return {};
        },
      });
    const subscriptions = [subscribe(), subscribe(), subscribe()];
    const ids = Array.from({ length: 200 }, (_, nth) => `${nth}`);
    await Promise.all(ids.map((id) => bus.publish('usage.v1', message(id))));
    await Promise.all(subscriptions.map((subscription) => subscription.idle()));
    assert.deepEqual([...inbox.items].sort(), ids.sort());
  });

  it('withholds the text that a parser quotes from the reason of a dead letter', async () => {
    using file = temporaryDatabase();
    const clock = createTestClock();
    await using bus = await openEmbeddedBus({ path: file.path, clock, attemptsMax: 1 });
    const subscription = bus.subscribe({
      topic: 'telemetry.v1',
      batchMax: 1,
      inFlightMax: 1,
      handle: async () => JSON.parse('a secret prompt'),
    });
    await bus.publish('telemetry.v1', message('bad'));
    await subscription.idle();
    const [letter] = await bus.deadLetters('telemetry.v1', 1);
    assert.equal(letter?.reason, 'SyntaxError');
  });
});
