import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '#shared/ports/usage-bus.ts';
import { createTestClock, NOON_MS } from '../../test/support/clock.ts';
import { createMemoryLog } from '../../test/support/log.ts';
import { openOwnMetrics, renderOwnMetrics, type Vitals } from './own-metrics.ts';

const RESOURCE = { version: '0.1.0', instanceId: 'i1' };
const VITALS: Vitals = {
  circuits: () => [
    { upstream: 'a', model: null, operation: 'messages', isOpen: false },
    { upstream: 'a', model: 'claude-opus-4-8', operation: 'messages', isOpen: true },
  ],
  openRequests: () => 3,
};

function openMetrics(metrics: boolean, publish?: () => Promise<void>) {
  const published: Message[] = [];
  const log = createMemoryLog();
  const own = openOwnMetrics({
    vitals: VITALS,
    bus: {
      async publish(_topic, message) {
        await publish?.();
        published.push(message);
      },
    },
    destinations: () => [{ metrics, logs: true, traces: true }],
    resource: RESOURCE,
    everyMs: 3_600_000,
    newId: () => 'm1',
    clock: createTestClock(),
    log,
  });
  return { own, published, log };
}

test('a gauge for each circuit and one for open requests, in OTLP’s JSON', () => {
  const rendered = renderOwnMetrics(VITALS, RESOURCE, NOON_MS);
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const timeUnixNano = `${NOON_MS}000000`;
  const metrics = [
    {
      name: 'tallygate.requests.open',
      unit: '{request}',
      gauge: { dataPoints: [{ attributes: [], timeUnixNano, asInt: '3' }] },
    },
    {
      name: 'tallygate.upstream.circuit.open',
      unit: '1',
      gauge: {
        dataPoints: [
          { attributes: [text('upstream', 'a')], timeUnixNano, asInt: '0' },
          {
            attributes: [
              text('upstream', 'a'),
              text('model', 'claude-opus-4-8'),
              text('operation', 'messages'),
            ],
            timeUnixNano,
            asInt: '1',
          },
        ],
      },
    },
  ];
  const attributes = [
    text('service.name', 'tallygate'),
    text('service.version', '0.1.0'),
    text('service.instance.id', 'i1'),
  ];
  const scopeMetrics = [{ scope: { name: 'tallygate', version: '0.1.0' }, metrics }];
  assert.deepEqual(rendered, { resourceMetrics: [{ resource: { attributes }, scopeMetrics }] });
});

test('nothing is sent where no destination takes metrics', async () => {
  const { own, published } = openMetrics(false);
  using _own = own;
  await own.send();
  assert.deepEqual(published, []);
});

test('they go on the bus in nobody’s name; a bus that is away costs a line of the log', async () => {
  const { own, published } = openMetrics(true);
  using _own = own;
  await own.send();
  assert.equal(published[0]?.attributes['source'], 'gateway');
  const away = openMetrics(true, () => Promise.reject(new Error('gone')));
  using _away = away.own;
  await away.own.send();
  assert.equal(away.log.lines.length, 1);
});
