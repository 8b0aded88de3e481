import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import type { Message } from '#shared/ports/usage-bus.ts';
import { createTestClock } from '../../../test/support/clock.ts';
import { admitRequest, CENT, settleRequest } from '../../../test/support/quota.ts';
import { relayOutbox } from './relay.ts';

async function openOutbox(entries: number) {
  const clock = createTestClock();
  const quota = openMemoryQuotaStore({ clock });
  const ids = new Set<string>();
  for (let nth = 0; nth < entries; nth += 1) {
    const admitted = admitRequest({ sub: 'dana', nowMs: clock.now() });
    await quota.settle(settleRequest(admitted, CENT));
    ids.add(admitted.id);
  }
  clock.advance(60_000);
  return { clock, quota, ids };
}

/** Sends what it has when so many wait, or when nothing more comes in this turn of the event loop. */
function lingeringBus() {
  const published: string[] = [];
  let sendings = 0;
  let sending: Promise<void> | null = null;
  return {
    published,
    sendings: () => sendings,
    async publish(_topic: string, { id }: Message) {
      published.push(id);
      sending ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        sendings += 1;
        sending = null;
      });
      await sending;
    },
  };
}

test('an outage of any length is relayed in one run, many messages at once', async () => {
  const { clock, quota, ids } = await openOutbox(1_200);
  const bus = lingeringBus();
  await relayOutbox({ quota, bus, clock }, new AbortController().signal);
  assert.deepEqual(new Set(bus.published), ids);
  assert.equal(bus.published.length, 1_200);
  assert.ok(bus.sendings() <= 3, `${bus.sendings()} sendings`);
});

test('a run that is stopped ends after what it has begun', async () => {
  const { clock, quota } = await openOutbox(1_200);
  const stopping = new AbortController();
  const bus = lingeringBus();
  const publish = (topic: string, message: Message) => {
    stopping.abort();
    return bus.publish(topic, message);
  };
  await relayOutbox({ quota, bus: { publish }, clock }, stopping.signal);
  assert.equal(bus.published.length, 500);
});
