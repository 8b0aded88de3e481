import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { PubSub } from '@google-cloud/pubsub';
import { AppError } from '#shared/errors/app-error.ts';
import type { Delivery } from '#shared/ports/usage-bus.ts';
import { createInbox, eventually } from '../../support/inbox.ts';
import { skipUnless } from '../../support/needed.ts';
import {
  newPrefix,
  openPubSubInstance,
  openTestBus,
  PROJECT,
} from '../../support/pubsub-instance.ts';
import { findPubSubEmulator, startPubSubEmulator } from '../../support/servers/google-emulators.ts';
import { collect, message } from './harness.ts';
import { usageBusContract } from './suite.ts';

const found = findPubSubEmulator();
const skip = skipUnless(found);

if (found.available) {
  const emulator = await startPubSubEmulator(found.program);
  after(() => emulator[Symbol.asyncDispose]());
  usageBusContract({
    name: 'pubsub',
    async open() {
      const instance = await openPubSubInstance(emulator.host);
      return { ...instance, passPause: () => {} };
    },
    capabilities: { attemptsMax: 4, deduplicates: false },
  });
  describe('the Pub/Sub bus', { timeout: 60_000, concurrency: true }, () => {
    topologyBehaviour(emulator.host);
    wireBehaviour(emulator.host);
  });
} else it('UsageBus contract: pubsub', { skip }, () => {});

function topologyBehaviour(host: string): void {
  it('creates subscriptions that neither expire nor give up before its own dead letters', async () => {
    const prefix = newPrefix();
    const tuning = { redelivery: { minMs: 1500, maxMs: 60_000 } };
    await using bus = await openTestBus(host, prefix, { tuning });
    await bus.publish('usage.v1', message('a'));
    await using google = openGoogle(host);
    const name = `${prefix}-usage.v1`;
    const [live] = await google.subscription(name).getMetadata();
    assert.deepEqual(live.expirationPolicy, { ttl: null });
    assert.equal(Number(live.retryPolicy?.minimumBackoff?.seconds), 1);
    assert.equal(live.retryPolicy?.minimumBackoff?.nanos, 500_000_000);
    assert.equal(Number(live.retryPolicy?.maximumBackoff?.seconds), 60);
    assert.equal(live.deadLetterPolicy?.deadLetterTopic, google.topic(`${name}.dead`).name);
    assert.equal(live.deadLetterPolicy?.maxDeliveryAttempts, 9);
    const [dead] = await google.subscription(`${name}.dead`).getMetadata();
    assert.equal(dead.topic, google.topic(`${name}.dead`).name);
    assert.deepEqual(dead.expirationPolicy, { ttl: null });
  });

  it('names what is missing where it may not create, and works once it is there', async () => {
    const prefix = newPrefix();
    await using bus = await openTestBus(host, prefix, { create: false });
    const name = `${prefix}-usage.v1`;
    await assert.rejects(bus.publish('usage.v1', message('a')), refusal(`topic ${name};`));
    await assert.rejects(bus.deadLetters('usage.v1', 1), refusal(`subscription ${name}.dead;`));
    const inbox = createInbox<Delivery>();
    const subscription = subscribe(bus, inbox);
    await assert.rejects(subscription.idle(), refusal(`subscription ${name};`));
    await using google = openGoogle(host);
    await google.createTopic(name);
    await google.createSubscription(name, name);
    await bus.publish('usage.v1', message('b'));
    await inbox.has(1);
    await subscription.idle();
  });

  it('publishes without a subscriber, and refuses a topic whose subscription is cut off', async () => {
    const prefix = newPrefix();
    await using first = await openTestBus(host, prefix);
    await first.publish('usage.v1', message('a'));
    await using google = openGoogle(host);
    await google.topic(`${prefix}-usage.v1`).delete();
    await assert.rejects(
      first.publish('usage.v1', message('b')),
      refusal(`subscription ${prefix}-usage.v1 belongs to a topic that was deleted`),
    );
    // What it holds still arrives; then it can go.
    await collect(first, 'usage.v1').has(1);
    await google.subscription(`${prefix}-usage.v1`).delete();
    await first.publish('usage.v1', message('c'));
  });

  it('opens nothing on options that Pub/Sub does not take', async () => {
    for (const bad of [{ prefix: 'goog-x' }, { prefix: '1x' }, { prefix: '' }]) {
      await assert.rejects(openTestBus(host, bad.prefix), { code: 'invalid_request' });
    }
    for (const attemptsMax of [0, 1.5, 96]) {
      const opening = openTestBus(host, newPrefix(), { attemptsMax });
      await assert.rejects(opening, { code: 'invalid_request' });
    }
  });
}

function wireBehaviour(host: string): void {
  it('brings back attributes that have the names of its own and of Google', async () => {
    await using bus = await openTestBus(host, newPrefix());
    const names = ['id', 'reason', 'attempts', 'attr.id', 'goog-x', '__proto__', '', 'ключ'];
    const attributes = Object.fromEntries(names.map((name, nth) => [name, `${nth}`]));
    const data = new Uint8Array();
    await bus.publish('usage.v1', { id: 'a', data, attributes });
    const inbox = collect(bus, 'usage.v1');
    await inbox.has(1);
    assert.deepEqual(inbox.items[0]?.attributes, attributes);
  });

  it('refuses what Pub/Sub can never carry, and nothing beside it', async () => {
    await using bus = await openTestBus(host, newPrefix());
    const good = message('good');
    const bad = [
      { ...good, id: '' },
      { ...good, attributes: { long: 'x'.repeat(1025) } },
      { ...good, attributes: { ['x'.repeat(300)]: '' } },
      { ...good, attributes: Object.fromEntries(Array.from({ length: 91 }, (_, n) => [n, ''])) },
      { ...good, data: new Uint8Array(9 * 1024 * 1024) },
    ];
    const publishing = bad.map((one) => bus.publish('usage.v1', one));
    const accepted = bus.publish('usage.v1', good);
    for (const one of publishing) await assert.rejects(one, { code: 'invalid_request' });
    await accepted;
  });

  it('dead-letters with its own count where Pub/Sub does not count', async () => {
    const prefix = newPrefix();
    await using google = openGoogle(host);
    for (const name of [`${prefix}-usage.v1`, `${prefix}-usage.v1.dead`]) {
      await google.createTopic(name);
      await google.createSubscription(name, name);
    }
    await using bus = await openTestBus(host, prefix, { create: false, attemptsMax: 3 });
    const attempts: number[] = [];
    bus.subscribe({
      topic: 'usage.v1',
      batchMax: 10,
      inFlightMax: 10,
      handle: async (batch) => {
        attempts.push(...batch.map(({ attempt }) => attempt));
        throw new Error('away');
      },
    });
    await bus.publish('usage.v1', message('a'));
    const letter = await firstLetter(bus);
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual([letter.id, letter.attempts, letter.reason], ['a', 3, 'Error: away']);
  });

  it('reads and replays what Pub/Sub dead-lettered itself, for consumers that died of it', async () => {
    const prefix = newPrefix();
    await using bus = await openTestBus(host, prefix, { attemptsMax: 1 });
    await bus.publish('usage.v1', message('killer'));
    await using google = openGoogle(host);
    const consumer = google.subscription(`${prefix}-usage.v1`);
    consumer.on('message', (delivered) => delivered.nack());
    const letter = await firstLetter(bus);
    await consumer.close();
    assert.deepEqual([letter.id, letter.attributes], ['killer', { id: 'killer' }]);
    assert.deepEqual(Buffer.from(letter.data), message('killer').data);
    assert.match(letter.reason, /Pub\/Sub gave up after \d+ tries/);
    assert(letter.attempts >= 5);
    assert(Math.abs(letter.deadAtMs - Date.now()) < 60_000);
    assert.equal(await bus.replay('usage.v1', 'killer'), true);
    await collect(bus, 'usage.v1').has(1);
  });

  it('reads letters oldest first, and more than one pull gives', async () => {
    const prefix = newPrefix();
    let nowMs = 1_000_000;
    const clock = { now: () => nowMs++ };
    await using bus = await openTestBus(host, prefix, { clock, tuning: { pullWaitMs: 500 } });
    bus.subscribe({
      topic: 'usage.v1',
      batchMax: 50,
      inFlightMax: 100,
      handle: async (batch) => ({
        dead: batch.map(({ id }) => ({ id, reason: 'é'.repeat(2000) })),
      }),
    });
    const ids = Array.from({ length: 250 }, (_, nth) => `${nth}`);
    await Promise.all(ids.map((id) => bus.publish('usage.v1', message(id))));
    const letters = await eventually(async () => {
      const all = await bus.deadLetters('usage.v1', 1000);
      return all.length >= 250 ? all : null;
    });
    assert.deepEqual(letters.map(({ id }) => id).sort(), ids.sort());
    const times = letters.map(({ deadAtMs }) => deadAtMs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert(Buffer.byteLength(letters[0]?.reason ?? '') <= 1024);
    const [oldest] = await bus.deadLetters('usage.v1', 1);
    assert.equal(oldest?.deadAtMs, times[0]);
  });
}

function openGoogle(host: string): PubSub & AsyncDisposable {
  const google = new PubSub({ projectId: PROJECT, apiEndpoint: host, emulatorMode: true });
  return Object.assign(google, { [Symbol.asyncDispose]: () => google.close() });
}

function subscribe(
  bus: Awaited<ReturnType<typeof openTestBus>>,
  inbox: { put(d: Delivery): void },
) {
  return bus.subscribe({
    topic: 'usage.v1',
    batchMax: 10,
    inFlightMax: 10,
    handle: async (batch) => {
      for (const delivery of batch) inbox.put(delivery);
      return {};
    },
  });
}

function firstLetter(bus: Awaited<ReturnType<typeof openTestBus>>) {
  return eventually(async () => (await bus.deadLetters('usage.v1', 1))[0] ?? null);
}

function refusal(named: string) {
  return (error: unknown) =>
    error instanceof AppError && error.code === 'unavailable' && error.message.includes(named);
}
