// The contract of the UsageBus port, for every adapter. Delivery is at least once and unordered: no
// test expects exactly one delivery or an order. failures.ts has what happens to what fails.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Delivery, Message } from '#shared/ports/usage-bus.ts';
import { startChild } from '../../support/child.ts';
import { assertAllRefused } from '../../support/closed.ts';
import { createInbox, type Inbox } from '../../support/inbox.ts';
import { failureBehaviour } from './failures.ts';
import { HANGING_SUBSCRIBER } from './hanging-subscriber.ts';
import { collect, message, type UsageBusHarness } from './harness.ts';
import { PUBLISHER } from './publisher.ts';

export function usageBusContract(harness: UsageBusHarness): void {
  describe(`UsageBus contract: ${harness.name}`, { timeout: 60_000 }, () => {
    describe('behaviour', () => {
      deliveryBehaviour(harness);
      batchBehaviour(harness);
      failureBehaviour(harness);
    });
    describe('duplicates and order', () => duplicates(harness));
    describe('refusal and closed', () => refusal(harness));
    describe('real contention', () => contention(harness));
    describe('survival', () => survival(harness));
  });
}

function deliveryBehaviour({ open }: UsageBusHarness): void {
  it('opens fresh and isolated', async () => {
    await using one = await open();
    await using other = await open();
    await one.port.publish('usage.v1', message('a'));
    const inbox = collect(other.port, 'usage.v1');
    await other.port.publish('usage.v1', message('b'));
    await inbox.has(1);
    assert.deepEqual(ids(inbox), ['b']);
  });

  it('delivers what was published, byte for byte', async () => {
    await using bus = await open();
    const inbox = collect(bus.port, 'usage.v1');
    const data = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const attributes = { sub: 'ada', 'content-type': 'application/x-protobuf', empty: '' };
    await bus.port.publish('usage.v1', { id: 'a', data, attributes });
    await bus.port.publish('usage.v1', { id: 'b', data: new Uint8Array(), attributes: {} });
    await inbox.has(2);
    const [a, b] = [...inbox.items].sort((x, y) => (x.id < y.id ? -1 : 1));
    assert.deepEqual(
      { ...a, data: Uint8Array.from(a?.data ?? []) },
      {
        id: 'a',
        data,
        attributes,
        attempt: 1,
      },
    );
    assert.equal(b?.data.length, 0);
    assert.deepEqual(b?.attributes, {});
  });

  it('keeps what was published before anybody subscribed', async () => {
    await using bus = await open();
    await bus.port.publish('usage.v1', message('a'));
    const inbox = collect(bus.port, 'usage.v1');
    await inbox.has(1);
    assert.deepEqual(ids(inbox), ['a']);
  });

  it('keeps topics apart', async () => {
    await using bus = await open();
    const topics = ['usage.v1', 'telemetry.v1', 'alert.v1'] as const;
    const inboxes = topics.map((topic) => collect(bus.port, topic));
    for (const topic of topics) await bus.port.publish(topic, message('same'));
    await Promise.all(inboxes.map((inbox) => inbox.has(1)));
    assert.deepEqual(inboxes.map(ids), [['same'], ['same'], ['same']]);
  });
}

function batchBehaviour({ open }: UsageBusHarness): void {
  it('hands over one batch at a time and none larger than either limit', async () => {
    await using bus = await open();
    for (let nth = 0; nth < 20; nth += 1) await bus.port.publish('usage.v1', message(`${nth}`));
    const inbox = createInbox<string>();
    let inWork = 0;
    let largest = 0;
    let batchesAtOnce = 0;
    bus.port.subscribe({
      topic: 'usage.v1',
      batchMax: 6,
      inFlightMax: 4,
      handle: async (batch) => {
        inWork += 1;
        batchesAtOnce = Math.max(batchesAtOnce, inWork);
        largest = Math.max(largest, batch.length);
        await new Promise((resolve) => setImmediate(resolve));
        inWork -= 1;
        for (const { id } of batch) inbox.put(id);
        return {};
      },
    });
    await inbox.has(20);
    assert.equal(new Set(inbox.items).size, 20);
    assert(largest <= 4, `a batch had ${largest}`);
    assert.equal(batchesAtOnce, 1);
  });

  it('is idle when everything that was delivered has been handled', async () => {
    await using bus = await open();
    let handled = 0;
    const subscription = bus.port.subscribe({
      topic: 'usage.v1',
      batchMax: 3,
      inFlightMax: 3,
      handle: async (batch) => {
        await new Promise((resolve) => setImmediate(resolve));
        handled += batch.length;
        return {};
      },
    });
    await Promise.all(many(10).map((one) => bus.port.publish('usage.v1', one)));
    await subscription.idle();
    assert.equal(handled, 10);
    await subscription.idle();
  });
}

function duplicates({ open, capabilities }: UsageBusHarness): void {
  if (!capabilities.deduplicates) {
    duplicatesDelivered(open);
    return;
  }
  it('delivers an id that was published twice under the same id and then is done with it', async () => {
    await using bus = await open();
    await bus.port.publish('usage.v1', message('a'));
    await Promise.all([
      bus.port.publish('usage.v1', message('a')),
      bus.port.publish('usage.v1', message('a')),
    ]);
    const inbox = collect(bus.port, 'usage.v1');
    await bus.port.publish('usage.v1', message('b'));
    await inbox.has(2);
    assert.deepEqual([...new Set(ids(inbox))], ['a', 'b']);
    const later = collect(await bus.reopen(), 'usage.v1');
    assert.deepEqual(ids(later), []);
  });
}

function duplicatesDelivered(open: UsageBusHarness['open']): void {
  it('delivers an id no more often than it was published, and is done with what was acknowledged', async () => {
    await using bus = await open();
    for (const id of ['a', 'a', 'b', 'a']) await bus.port.publish('usage.v1', message(id));
    const inbox = createInbox<Delivery>();
    const subscription = bus.port.subscribe({
      topic: 'usage.v1',
      batchMax: 1,
      inFlightMax: 10,
      handle: async (batch) => {
        for (const delivery of batch) inbox.put(delivery);
        return {};
      },
    });
    while (new Set(ids(inbox)).size < 2) await inbox.has(inbox.items.length + 1);
    await subscription.idle();
    assert(ids(inbox).filter((id) => id === 'a').length <= 3);
    assert.deepEqual(ids(inbox).filter((id) => id === 'b').length, 1);
    for (const { id, data } of inbox.items) {
      assert.deepEqual(Buffer.from(data), message(id).data);
    }
    const reopened = await bus.reopen();
    const later = collect(reopened, 'usage.v1');
    await reopened.publish('usage.v1', message('c'));
    await later.has(1);
    assert.deepEqual(ids(later), ['c']);
  });
}

function refusal({ open }: UsageBusHarness): void {
  it('refuses every method once closed, in a sentence', async () => {
    await using bus = await open();
    const { port } = bus;
    const options = { topic: 'usage.v1', batchMax: 1, inFlightMax: 1 } as const;
    const handle = async () => ({});
    const subscription = port.subscribe({ ...options, handle });
    await port[Symbol.asyncDispose]();
    await port[Symbol.asyncDispose]();
    await assertAllRefused({
      publish: () => port.publish('usage.v1', message('a')),
      subscribe: async () => port.subscribe({ ...options, handle }),
      deadLetters: () => port.deadLetters('usage.v1', 1),
      replay: () => port.replay('usage.v1', 'a'),
      idle: () => subscription.idle(),
    });
  });

  it('waits for the batch in work when a subscription is closed, and starts no other', async () => {
    await using bus = await open();
    await Promise.all(many(5).map((one) => bus.port.publish('usage.v1', one)));
    const started = createInbox<string>();
    const release = Promise.withResolvers<void>();
    const handled: string[] = [];
    const subscription = bus.port.subscribe({
      topic: 'usage.v1',
      batchMax: 1,
      inFlightMax: 1,
      handle: async ([delivery]) => {
        started.put(delivery?.id ?? '');
        await release.promise;
        handled.push(delivery?.id ?? '');
        return {};
      },
    });
    await started.has(1);
    let isClosed = false;
    const closed = subscription[Symbol.asyncDispose]().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false, 'it waits');
    release.resolve();
    await closed;
    assert.deepEqual(handled, started.items);
    assert.equal(handled.length, 1);
    const rest = collect(bus.port, 'usage.v1');
    await rest.has(4);
    assert.equal(new Set([...handled, ...ids(rest)]).size, 5);
  });

  it('keeps what was accepted while it was being closed', async () => {
    await using bus = await open();
    const publishing = bus.port.publish('usage.v1', message('a'));
    await bus.port[Symbol.asyncDispose]();
    await publishing;
    const inbox = collect(await bus.reopen(), 'usage.v1');
    await inbox.has(1);
  });
}

function contention({ open }: UsageBusHarness): void {
  it('delivers everything of parallel publishers to parallel subscriptions', async () => {
    await using bus = await open();
    const handles = [bus.port, await bus.another()];
    const inbox = createInbox<Delivery>();
    for (let nth = 0; nth < 3; nth += 1) collect(bus.port, 'usage.v1', inbox);
    const published = many(500);
    const publishing = published.map((one, nth) => handles[nth % 2]?.publish('usage.v1', one));
    await Promise.all(publishing);
    await inbox.has(500);
    while (new Set(ids(inbox)).size < 500) await inbox.has(inbox.items.length + 1);
    assert.deepEqual([...new Set(ids(inbox))].sort(), published.map(({ id }) => id).sort());
  });

  it('delivers what other processes publish', async () => {
    await using bus = await open();
    const inbox = collect(bus.port, 'usage.v1');
    const children = ['x', 'y'].map((prefix) => startChild(PUBLISHER, bus.opener, prefix, '100'));
    await Promise.all(children.map((child) => child.ended()));
    await inbox.has(200);
    assert.equal(new Set(ids(inbox)).size, 200);
  });
}

function survival({ open }: UsageBusHarness): void {
  it('keeps messages over a reopening and forgets what was acknowledged', async () => {
    await using bus = await open();
    const first = collect(bus.port, 'usage.v1');
    await bus.port.publish('usage.v1', message('handled'));
    await first.has(1);
    const reopened = await bus.reopen();
    await reopened.publish('usage.v1', message('waiting'));
    const inbox = collect(await bus.reopen(), 'usage.v1');
    await inbox.has(1);
    assert.deepEqual(ids(inbox), ['waiting']);
  });

  it('delivers every publish that was acknowledged before its process was killed', async () => {
    await using bus = await open();
    const child = startChild(PUBLISHER, bus.opener, 'x', '100000');
    await child.printed(200);
    await child.kill();
    const inbox = collect(await bus.reopen(), 'usage.v1');
    await inbox.has(child.lines.length);
    const got = new Set(ids(inbox));
    assert.deepEqual(
      child.lines.filter((id) => !got.has(id)),
      [],
    );
  });

  it('delivers again what a killed process had in work', async () => {
    await using bus = await open();
    await Promise.all(many(10).map((one) => bus.port.publish('usage.v1', one)));
    const child = startChild(HANGING_SUBSCRIBER, bus.opener);
    await child.printed(10);
    await child.kill();
    const inbox = collect(await bus.reopen(), 'usage.v1');
    await inbox.has(10);
    assert.deepEqual([...new Set(ids(inbox))].sort(), [...child.lines].sort());
  });
}

function many(count: number): Message[] {
  return Array.from({ length: count }, (_, nth) => message(`message-${nth}`));
}

function ids(inbox: Inbox<Delivery>): string[] {
  return inbox.items.map(({ id }) => id);
}
