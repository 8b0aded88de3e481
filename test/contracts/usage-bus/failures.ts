// The part of the UsageBus contract about what fails: redelivery, dead letters, replay.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { BatchResult, Delivery, UsageBus } from '#shared/ports/usage-bus.ts';
import { createInbox, eventually } from '../../support/inbox.ts';
import { type BusInstance, collect, message, type UsageBusHarness } from './harness.ts';

export function failureBehaviour({ open, capabilities }: UsageBusHarness): void {
  const { attemptsMax } = capabilities;

  it('delivers again what failed, counts the attempts and leaves the rest acknowledged', async () => {
    await using bus = await open();
    const seen = answering(bus.port, ({ id, attempt }) =>
      id === 'bad' && attempt === 1 ? 'failed' : 'ok',
    );
    for (const id of ['good', 'bad']) await bus.port.publish('usage.v1', message(id));
    await seen.has(2);
    await redelivered(bus, seen, 3);
    const attempts = seen.items.map(({ id, attempt }) => `${id} ${attempt}`);
    assert.deepEqual(attempts.sort(), ['bad 1', 'bad 2', 'good 1']);
    assert.deepEqual(await bus.port.deadLetters('usage.v1', 10), []);
  });

  it('fails the whole batch when the handler throws', async () => {
    await using bus = await open();
    const seen = createInbox<Delivery>();
    for (const id of ['a', 'b']) await bus.port.publish('usage.v1', message(id));
    bus.port.subscribe({
      topic: 'usage.v1',
      batchMax: 10,
      inFlightMax: 10,
      handle: async (batch) => {
        for (const delivery of batch) seen.put(delivery);
        if (batch.some(({ attempt }) => attempt === 1)) throw new Error('the ledger is away');
        return {};
      },
    });
    await seen.has(2);
    await redelivered(bus, seen, 4);
    const again = seen.items.filter(({ attempt }) => attempt === 2).map(({ id }) => id);
    assert.deepEqual(again.sort(), ['a', 'b']);
  });

  it(`keeps a message as a dead letter after ${attemptsMax} attempts, with the reason`, async () => {
    await using bus = await open();
    const seen = answering(bus.port, () => 'failed');
    await bus.port.publish('usage.v1', message('bad'));
    await seen.has(1);
    for (let attempt = 2; attempt <= attemptsMax; attempt += 1) {
      await redelivered(bus, seen, attempt);
    }
    const [letter] = await letters(bus.port, 1);
    assert(letter !== undefined);
    assert.equal(letter.id, 'bad');
    assert.equal(letter.topic, 'usage.v1');
    assert.equal(letter.attempts, attemptsMax);
    assert.match(letter.reason, /attempt \d+ failed/);
    assert.deepEqual(Buffer.from(letter.data), message('bad').data);
    assert.deepEqual(letter.attributes, message('bad').attributes);
    assert.deepEqual(await bus.port.deadLetters('telemetry.v1', 10), []);
  });

  it('keeps what can never be handled as a dead letter at once', async () => {
    await using bus = await open();
    answering(bus.port, ({ id }) => (id === 'good' ? 'ok' : 'dead'));
    for (const id of ['bad', 'good', 'worse']) await bus.port.publish('usage.v1', message(id));
    const dead = await letters(bus.port, 2);
    assert.deepEqual(dead.map(({ id }) => id).sort(), ['bad', 'worse']);
    assert.deepEqual(
      dead.map(({ attempts }) => attempts),
      [1, 1],
    );
    assert.equal((await bus.port.deadLetters('usage.v1', 1)).length, 1);
  });

  it('replays a dead letter with its attempts counted anew, once', async () => {
    await using bus = await open();
    let isMended = false;
    const seen = answering(bus.port, () => (isMended ? 'ok' : 'dead'));
    await bus.port.publish('usage.v1', message('bad'));
    await letters(bus.port, 1);
    isMended = true;
    assert.equal(await bus.port.replay('usage.v1', 'unknown'), false);
    assert.equal(await bus.port.replay('telemetry.v1', 'bad'), false);
    assert.equal(await bus.port.replay('usage.v1', 'bad'), true);
    await seen.has(2);
    const last = seen.items.at(-1);
    assert.deepEqual([last?.id, last?.attempt, last?.attributes], ['bad', 1, { id: 'bad' }]);
    assert.deepEqual(await bus.port.deadLetters('usage.v1', 10), []);
    assert.equal(await bus.port.replay('usage.v1', 'bad'), false);
  });

  it('keeps dead letters over a reopening', async () => {
    await using bus = await open();
    answering(bus.port, () => 'dead');
    await bus.port.publish('usage.v1', message('bad'));
    const before = await letters(bus.port, 1);
    const reopened = await bus.reopen();
    assert.deepEqual(await reopened.deadLetters('usage.v1', 10), before);
    assert.equal(await reopened.replay('usage.v1', 'bad'), true);
    await collect(reopened, 'usage.v1').has(1);
  });
}

type Answer = 'ok' | 'failed' | 'dead';

function answering(bus: UsageBus, answer: (delivery: Delivery) => Answer) {
  const seen = createInbox<Delivery>();
  bus.subscribe({
    topic: 'usage.v1',
    batchMax: 10,
    inFlightMax: 10,
    handle: async (batch): Promise<BatchResult> => {
      const named = (wanted: Answer) =>
        batch
          .filter((delivery) => answer(delivery) === wanted)
          .map(({ id, attempt }) => ({ id, reason: `attempt ${attempt} ${wanted}` }));
      const result = { failed: named('failed'), dead: named('dead') };
      for (const delivery of batch) seen.put(delivery);
      return result;
    },
  });
  return seen;
}

/** Lets pauses pass until that many deliveries were seen. */
async function redelivered(
  bus: BusInstance,
  seen: { readonly items: readonly Delivery[] },
  count: number,
): Promise<void> {
  await eventually(async () => {
    if (seen.items.length >= count) return true;
    bus.passPause();
    return null;
  });
}

function letters(bus: UsageBus, count: number) {
  return eventually(async () => {
    const found = await bus.deadLetters('usage.v1', 10);
    return found.length >= count ? found : null;
  });
}
