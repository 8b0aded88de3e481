// What the relay promises when collectors fail, refuse or hang.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import { renderTelemetryAttributes } from '#shared/events/telemetry-event.ts';
import { createOtlpExporter } from '../../services/control-plane/telemetry/otlp-exporter.ts';
import { createTelemetryRelay } from '../../services/control-plane/telemetry/relay.ts';
import { createTestClock } from '../support/clock.ts';
import { type CollectorAnswer, openCollector } from '../support/collector.ts';
import { createMemoryLog } from '../support/log.ts';
import { encodeWire } from '../support/otlp-wire.ts';
import { temporaryDatabase } from '../support/sqlite-instance.ts';
import { destination, openRelayedGateway } from '../support/telemetry-relay.ts';

const metrics = encodeWire([[1, [[1, []]]]]);
const FIRST_PAUSE_MS = 1000;

/** Answers with one status after another, then 200. */
function answering(...statuses: number[]): () => CollectorAnswer {
  return () => ({ status: statuses.shift() ?? 200 });
}

for (const status of [401, 403, 404, 429, 500, 503]) {
  test(`an export that a collector answers ${status} comes again`, async () => {
    await using collector = await openCollector(answering(status));
    await using gateway = await openRelayedGateway([destination(collector)]);
    await gateway.send(metrics);
    await gateway.relay.idle();
    assert.equal(collector.exports.items.length, 1);
    await gateway.advance(FIRST_PAUSE_MS);
    assert.equal(collector.exports.items.length, 2);
    await gateway.advance(FIRST_PAUSE_MS * 60);
    assert.equal(collector.exports.items.length, 2);
    assert.deepEqual(await gateway.bus.deadLetters('telemetry.v1', 10), []);
  });
}

for (const status of [400, 413]) {
  test(`an export that a collector answers ${status} is never sent again`, async () => {
    await using collector = await openCollector(answering(status));
    await using gateway = await openRelayedGateway([destination(collector)]);
    await gateway.send(metrics);
    await gateway.relay.idle();
    const [letter] = await gateway.bus.deadLetters('telemetry.v1', 10);
    assert.equal(letter?.reason, `${new URL(collector.url).host}: destination answered ${status}`);
    await gateway.advance(FIRST_PAUSE_MS * 60);
    assert.equal(collector.exports.items.length, 1);
  });
}

test('a collector that is down loses nothing: a letter can be replayed later', async () => {
  await using up = await openCollector();
  const collector = await openCollector();
  await collector[Symbol.asyncDispose]();
  const destinations = [destination(collector)];
  await using gateway = await openRelayedGateway(destinations, { attemptsMax: 2 });
  await gateway.send(metrics);
  await gateway.relay.idle();
  await gateway.advance(FIRST_PAUSE_MS);
  const [letter] = await gateway.bus.deadLetters('telemetry.v1', 10);
  assert.match(letter?.reason ?? '', /connection failed/);
  destinations[0] = destination(up);
  await gateway.bus.replay('telemetry.v1', letter?.id ?? '');
  await up.exports.has(1);
});

test('of two collectors each gets an export once, although one fails at first', async () => {
  await using steady = await openCollector();
  await using shaky = await openCollector(answering(503, 503));
  await using gateway = await openRelayedGateway([destination(steady), destination(shaky)]);
  await gateway.send(metrics);
  for (let minute = 0; minute < 5; minute += 1) await gateway.advance(60_000);
  assert.equal(steady.exports.items.length, 1);
  assert.equal(shaky.exports.items.length, 3);
});

test('each collector gets only the signals that it takes', async () => {
  await using first = await openCollector();
  await using second = await openCollector();
  await using gateway = await openRelayedGateway([
    destination(first, { logs: false }),
    destination(second, { metrics: false }),
  ]);
  await gateway.send(metrics);
  await gateway.send(metrics, { path: '/v1/logs' });
  await Promise.all([first.exports.has(1), second.exports.has(1)]);
  await gateway.relay.idle();
  assert.deepEqual(
    first.exports.items.map(({ path }) => path),
    ['/v1/metrics'],
  );
  assert.deepEqual(
    second.exports.items.map(({ path }) => path),
    ['/v1/logs'],
  );
});

test('a collector that hangs does not hold up another one', { timeout: 5_000 }, async () => {
  const hang = Promise.withResolvers<CollectorAnswer>();
  await using hanging = await openCollector(() => hang.promise);
  await using steady = await openCollector();
  const destinations = [destination(hanging), destination(steady)];
  await using gateway = await openRelayedGateway(destinations, { batchBudgetMs: 20 });
  for (let count = 0; count < 10; count += 1) await gateway.send(metrics);
  await steady.exports.has(10);
  hang.resolve({ status: 200 });
});

test('a slow success counts: the export is not sent a second time', async () => {
  const slow = Promise.withResolvers<CollectorAnswer>();
  await using collector = await openCollector(() => slow.promise);
  await using gateway = await openRelayedGateway([destination(collector)], { batchBudgetMs: 20 });
  await gateway.send(metrics);
  await gateway.relay.idle();
  slow.resolve({ status: 200 });
  for (let minute = 0; minute < 3; minute += 1) await gateway.advance(60_000);
  assert.equal(collector.exports.items.length, 1);
  assert.deepEqual(await gateway.bus.deadLetters('telemetry.v1', 10), []);
});

test('a collector that keeps failing is left alone for 30 seconds, then tried once', async () => {
  await using collector = await openCollector(() => ({ status: 500 }));
  await using gateway = await openRelayedGateway([destination(collector)]);
  for (let count = 0; count < 5; count += 1) {
    await gateway.send(metrics);
    await gateway.relay.idle();
  }
  assert.equal(collector.exports.items.length, 5);
  await gateway.send(metrics);
  await gateway.advance(29_000);
  assert.equal(collector.exports.items.length, 5);
  const failing = 'telemetry destination is failing; its exports wait';
  assert.equal(gateway.log.lines.filter(({ message }) => message === failing).length, 1);
  await gateway.advance(64_000);
  assert.equal(collector.exports.items.length, 6);
});

test('what was accepted survives a restart before it was delivered', async () => {
  await using collector = await openCollector();
  using file = temporaryDatabase();
  const clock = createTestClock();
  const attributes = renderTelemetryAttributes({
    ...{ signal: 'metrics', contentType: '', contentEncoding: '', destination: null },
    identity: { sub: 'u1', email: null, groups: [] },
  });
  const first = await openEmbeddedBus({ path: file.path, clock });
  await first.publish('telemetry.v1', { id: 'e1', data: metrics, attributes });
  await first[Symbol.asyncDispose]();
  await using bus = await openEmbeddedBus({ path: file.path, clock });
  await using relay = createTelemetryRelay({
    ...{ bus, clock, log: createMemoryLog() },
    destinations: () => [destination(collector)],
    export: createOtlpExporter({ userAgent: 'tallygate/test', timeoutMs: 10_000 }),
  });
  await relay.idle();
  assert.equal(collector.exports.items.length, 1);
});
