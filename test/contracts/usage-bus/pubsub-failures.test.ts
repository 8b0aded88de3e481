// What Pub/Sub and its client do at their worst: everything lost, nobody answering, no permission.

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import type { Delivery, Message } from '#shared/ports/usage-bus.ts';
import { startChild } from '../../support/child.ts';
import { createInbox, eventually, type Inbox } from '../../support/inbox.ts';
import { createMemoryLog } from '../../support/log.ts';
import { skipUnless } from '../../support/needed.ts';
import { newPrefix, openPubSubInstance, openTestBus } from '../../support/pubsub-instance.ts';
import {
  type EmulatorServer,
  findPubSubEmulator,
  startPubSubEmulator,
} from '../../support/servers/google-emulators.ts';
import { HANGING_SUBSCRIBER } from './hanging-subscriber.ts';
import { collect, message } from './harness.ts';

const found = findPubSubEmulator();
const skip = skipUnless(found);

if (found.available) {
  const [mortal, steady] = await Promise.all([
    startPubSubEmulator(found.program),
    startPubSubEmulator(found.program),
  ]);
  after(() => Promise.all([mortal, steady].map((one) => one[Symbol.asyncDispose]())));
  describe('the Pub/Sub bus at its worst', { timeout: 90_000, concurrency: true }, () => {
    describe('when Pub/Sub fails', { concurrency: false }, () => outages(mortal));
    describe('with Pub/Sub there', { concurrency: true }, () => {
      load(steady.host);
      permissions();
    });
  });
} else it('the Pub/Sub bus at its worst', { skip }, () => {});

function outages(emulator: EmulatorServer): void {
  it('consumes and publishes again when Pub/Sub comes back with nothing', async () => {
    const log = createMemoryLog();
    await using bus = await openTestBus(emulator.host, newPrefix(), { log });
    const usage = collect(bus, 'usage.v1');
    const telemetry = collect(bus, 'telemetry.v1');
    await bus.publish('usage.v1', message('before'));
    await usage.has(1);
    await emulator.kill();
    const during = bus.publish('usage.v1', message('during'));
    await using opened = await openTestBus(emulator.host, newPrefix());
    const late = collect(opened, 'usage.v1');
    const first = opened.publish('usage.v1', message('first'));
    await emulator.start();
    await Promise.all([during, first]);
    await Promise.all([usage.has(2), late.has(1)]);
    await bus.publish('telemetry.v1', message('after'));
    await telemetry.has(1);
    await bus.publish('usage.v1', message('after'));
    // What was under way while all was made again may have gone out twice.
    while (new Set(idsOf(usage)).size < 3) await usage.has(usage.items.length + 1);
    assert.deepEqual([...new Set(idsOf(usage))], ['before', 'during', 'after']);
    assert.deepEqual(await bus.deadLetters('usage.v1', 10), []);
    const told = log.lines.map(({ message: line }) => line);
    // The reader meets a missing subscription only where the publisher did not make it again first.
    const [isLost, isBack] = ['the usage bus cannot be read', 'the usage bus is read again'];
    assert.equal(told.includes(isBack), told.includes(isLost));
  });

  it('says briefly that Pub/Sub is down, and reads dead letters when it comes back', async () => {
    const tuning = { publishTotalMs: 1000 };
    await using bus = await openTestBus(emulator.host, newPrefix(), { tuning });
    await bus.publish('usage.v1', message('a'));
    await emulator.kill();
    try {
      const error = await rejection(bus.publish('usage.v1', message('b')));
      assert.equal(error.code, 'unavailable');
      assert.match(error.detail ?? '', /ECONNREFUSED|UNAVAILABLE/);
      assert((error.detail ?? '').length <= 300);
    } finally {
      await emulator.start();
    }
    assert.deepEqual(await bus.deadLetters('usage.v1', 10), []);
    assert.equal(await bus.replay('usage.v1', 'a'), false);
  });

  it('bounds what waits for Pub/Sub, and takes more once it has gone out', async () => {
    const tuning = { pendingMax: 100, pendingBytesMax: 10_000 };
    await using bus = await openTestBus(emulator.host, newPrefix(), { tuning });
    const inbox = collect(bus, 'usage.v1');
    await bus.publish('usage.v1', message('first'));
    await inbox.has(1);
    await emulator.kill();
    const waiting = many(100, 'waiting').map((one) => bus.publish('usage.v1', one));
    const refused = many(50, 'refused').map((one) => bus.publish('usage.v1', one));
    for (const one of refused) await assert.rejects(one, { code: 'unavailable' });
    await emulator.start();
    await Promise.all(waiting);
    await inbox.has(101);
    const large = (id: string): Message => ({ ...message(id), data: Buffer.alloc(9000) });
    const fits = bus.publish('usage.v1', large('fits'));
    await assert.rejects(bus.publish('usage.v1', large('one too many')), { code: 'unavailable' });
    await fits;
    await bus.publish('usage.v1', { ...message('alone'), data: Buffer.alloc(20_000) });
    await inbox.has(103);
  });

  it('rejects within its total, and closes within its deadline, when nobody answers', async () => {
    const tuning = { publishTotalMs: 1500, callTotalMs: 1000, closeWithinMs: 500 };
    const bus = await openTestBus(emulator.host, newPrefix(), { tuning });
    const inbox = collect(bus, 'usage.v1');
    await bus.publish('usage.v1', message('a'));
    await inbox.has(1);
    emulator.signal('SIGSTOP');
    try {
      const frozenMs = performance.now();
      const error = await rejection(bus.publish('usage.v1', message('b')));
      assert.equal(error.code, 'unavailable');
      assert((error.detail ?? '').length <= 300);
      assert(performance.now() - frozenMs < 3000, 'rejected late');
      await assert.rejects(bus.deadLetters('usage.v1', 1), { code: 'unavailable' });
      const pending = rejection(bus.publish('usage.v1', message('c')));
      const closingMs = performance.now();
      await bus[Symbol.asyncDispose]();
      assert.equal((await pending).code, 'unavailable');
      assert(performance.now() - closingMs < 2000, 'closed late');
    } finally {
      emulator.signal('SIGCONT');
    }
  });
}

function load(host: string): void {
  it('buries a poison message with its reason, and handles the thousand others', async () => {
    await using bus = await openTestBus(host, newPrefix(), { attemptsMax: 3 });
    const handled = createInbox<string>();
    bus.subscribe({
      topic: 'usage.v1',
      batchMax: 100,
      inFlightMax: 500,
      handle: async (batch) => {
        const good = batch.filter(({ id }) => id !== 'poison');
        for (const { id } of good) handled.put(id);
        return good.length === batch.length
          ? {}
          : { failed: [{ id: 'poison', reason: 'the ledger refuses it' }] };
      },
    });
    const messages = many(1000, 'good');
    messages.splice(500, 0, message('poison'));
    await Promise.all(messages.map((one) => bus.publish('usage.v1', one)));
    const letter = await eventually(async () => (await bus.deadLetters('usage.v1', 10))[0] ?? null);
    assert.equal(letter.id, 'poison');
    assert.deepEqual([letter.reason, letter.attempts], ['the ledger refuses it', 3]);
    await distinct(handled, 1000);
    assert.equal((await bus.deadLetters('usage.v1', 10)).length, 1);
  });

  it('delivers 5000 messages of two publishers to two subscriptions, all of them', async () => {
    await using bus = await openPubSubInstance(host);
    const other = await bus.another();
    const inbox = createInbox<string>();
    const shares = [bus.port, other].map((one) => {
      const share = { messages: 0 };
      one.subscribe({
        topic: 'usage.v1',
        batchMax: 100,
        inFlightMax: 500,
        handle: async (batch) => {
          share.messages += batch.length;
          for (const { id } of batch) inbox.put(id);
          return {};
        },
      });
      return share;
    });
    const publishing = [bus.port, other].flatMap((one, nth) =>
      many(2500, `from-${nth}`).map((each) => one.publish('usage.v1', each)),
    );
    await Promise.all(publishing);
    await distinct(inbox, 5000);
    for (const { messages } of shares) assert(messages > 0, 'both have a share');
  });

  it('delivers to a living consumer what a killed one had in work', async () => {
    await using bus = await openPubSubInstance(host);
    await Promise.all(many(10, 'held').map((one) => bus.port.publish('usage.v1', one)));
    const child = startChild(HANGING_SUBSCRIBER, bus.opener);
    await child.printed(10);
    const inbox = collect(bus.port, 'usage.v1');
    await child.kill();
    await inbox.has(10);
    assert.deepEqual([...new Set(idsOf(inbox))].sort(), [...child.lines].sort());
    assert(inbox.items.every(({ attempt }) => attempt >= 2));
  });
}

function permissions(): void {
  it('publishes with an account that may do nothing else, and says so once', async () => {
    const log = createMemoryLog();
    await using google = await startForbidding();
    await using bus = await openTestBus(google.host, newPrefix(), { log });
    await bus.publish('usage.v1', message('a'));
    await bus.publish('telemetry.v1', message('b'));
    assert.deepEqual(google.published, 2);
    assert.equal(log.lines.filter(({ message: line }) => /must be there/.test(line)).length, 1);
    google.publishStatus = 5;
    const missing = await rejection(bus.publish('usage.v1', message('c')));
    assert.match(missing.message, /Pub\/Sub has no topic t\w+-usage\.v1; create it/);
    google.publishStatus = 7;
    const refused = await rejection(bus.publish('usage.v1', message('d')));
    assert.match(refused.message, /grant the service account its Pub\/Sub roles/);
  });
}

/** Pub/Sub to an account that may only publish: every other call is PERMISSION_DENIED. */
async function startForbidding() {
  const server = createServer();
  const state = { host: '', published: 0, publishStatus: 0 };
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.resume();
    const isPublish = headers[':path'] === '/google.pubsub.v1.Publisher/Publish';
    const status = isPublish ? state.publishStatus : 7;
    const answer = { ':status': 200, 'content-type': 'application/grpc' };
    if (status !== 0) {
      stream.respond({ ...answer, 'grpc-status': status }, { endStream: true });
      return;
    }
    state.published += 1;
    stream.respond(answer, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': 0 }));
    // An empty PublishResponse: not compressed, no bytes.
    stream.end(Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => new Promise((resolve) => server.close(resolve));
  return Object.assign(state, { [Symbol.asyncDispose]: async () => void (await close()) });
}

async function distinct(inbox: Inbox<string>, count: number): Promise<void> {
  while (new Set(inbox.items).size < count) await inbox.has(inbox.items.length + 1);
}

async function rejection(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => null,
    (caught: unknown) => caught,
  );
  assert(error instanceof AppError, 'rejects with an AppError');
  return error;
}

function many(count: number, prefix: string): Message[] {
  return Array.from({ length: count }, (_, nth) => message(`${prefix}-${nth}`));
}

function idsOf(inbox: Inbox<Delivery>): string[] {
  return inbox.items.map(({ id }) => id);
}
