// A client's export from intake to collector: identity, encodings, refusals, and what happens when
// nobody takes it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openOwnMetrics } from '../../services/data-plane/own-metrics.ts';
import { openCollector } from '../support/collector.ts';
import { attributesAt, encodeWire, keyValue, texts } from '../support/otlp-wire.ts';
import { openPolicyServer } from '../support/policy-server.ts';
import { DEVELOPER, destination, openRelayedGateway } from '../support/telemetry-relay.ts';

const session = {
  'user.id': 'u1',
  'user.email': 'dev@example.com',
  'user.groups': 'eng,ops',
  'identity.source': 'gateway-oidc',
};
const lie = keyValue('user.email', 'boss@example.com');
const truth = keyValue('session.id', 's1');
const kept = { 'session.id': 's1' };

const metrics = encodeWire([
  [
    1,
    [
      [
        1,
        [
          [1, lie],
          [1, truth],
        ],
      ],
      [
        2,
        [
          [1, [[3, lie]]],
          [
            2,
            [
              [1, 'claude_code.cost.usage'],
              [
                7,
                [
                  [
                    1,
                    [
                      [7, lie],
                      [7, truth],
                      [999, 'later'],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
  ],
  [998, 'from a newer client'],
]);

describe('an export of a signed-in client', () => {
  test('reaches the collector with the session as its identity, else unchanged', async () => {
    await using collector = await openCollector();
    const headers = { authorization: 'Bearer collector-key', 'x-tenant': 't1' };
    await using gateway = await openRelayedGateway([destination(collector, { headers })]);
    const answer = await gateway.send(gzipSync(metrics), {
      path: '/v1/metrics?x=1',
      headers: { 'content-encoding': 'gzip', 'x-claude-code-session-id': 's1' },
    });
    assert.deepEqual([answer.status, await answer.text()], [200, '']);
    await collector.exports.has(1);
    const [received] = collector.exports.items;
    assert.ok(received);
    assert.deepEqual(attributesAt(received.decoded, [1, 1], 1), [{ ...kept, ...session }]);
    assert.deepEqual(attributesAt(received.decoded, [1, 2, 1], 3), [{}]);
    assert.deepEqual(attributesAt(received.decoded, [1, 2, 2, 7, 1], 7), [{ ...kept, ...session }]);
    assert.deepEqual(texts(received.decoded, [1, 2, 2, 7, 1, 999]), ['later']);
    assert.deepEqual(texts(received.decoded, [998]), ['from a newer client']);
    assert.equal(received.decoded.includes('boss'), false);
    assert.equal(received.path, '/v1/metrics');
    const seen = received.headers;
    assert.equal(seen['content-type'], 'application/x-protobuf');
    assert.equal(seen['content-encoding'], 'gzip');
    assert.equal(seen.authorization, 'Bearer collector-key');
    assert.equal(seen['x-tenant'], 't1');
    assert.equal(seen['user-agent'], 'tallygate/test');
    assert.equal(seen['x-claude-code-session-id'], undefined);
  });

  test('logs lose whole API bodies and spans are stamped', async () => {
    await using collector = await openCollector();
    await using gateway = await openRelayedGateway([destination(collector)]);
    const record = [
      2,
      [
        [5, [[1, 'claude_code.api_request']]],
        [6, lie],
      ],
    ] as const;
    const body = [
      2,
      [
        [5, [[1, 'claude_code.api_request_body']]],
        [6, keyValue('body', 'hi')],
      ],
    ] as const;
    await gateway.send(encodeWire([[1, [[2, [record, body]]]]]), { path: '/v1/logs' });
    await gateway.send(encodeWire([[1, [[2, [[2, [[9, lie]]]]]]]]), { path: '/v1/traces' });
    await collector.exports.has(2);
    const [logs, traces] = collector.exports.items.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    assert.ok(logs && traces);
    assert.deepEqual(texts(logs.decoded, [1, 2, 2, 5, 1]), ['claude_code.api_request']);
    assert.deepEqual(attributesAt(logs.decoded, [1, 2, 2], 6), [session]);
    assert.deepEqual(attributesAt(traces.decoded, [1, 2, 2], 9), [session]);
  });

  test('JSON stays JSON', async () => {
    await using collector = await openCollector();
    await using gateway = await openRelayedGateway([destination(collector)]);
    const request = { resourceMetrics: [{ resource: { attributes: [] }, later: 1 }] };
    const headers = { 'content-type': 'application/json' };
    await gateway.send(JSON.stringify(request), { headers, person: { groups: [], email: null } });
    await collector.exports.has(1);
    const [received] = collector.exports.items;
    const attributes = [
      { key: 'user.id', value: { stringValue: 'u1' } },
      { key: 'identity.source', value: { stringValue: 'gateway-oidc' } },
    ];
    const expected = { resourceMetrics: [{ resource: { attributes }, later: 1 }] };
    assert.deepEqual(JSON.parse(String(received?.decoded)), expected);
  });

  test('is accepted and discarded when no destination takes its signal', async () => {
    await using collector = await openCollector();
    await using gateway = await openRelayedGateway([destination(collector, { traces: false })]);
    const answer = await gateway.send('not even OTLP', { path: '/v1/traces' });
    assert.equal(answer.status, 200);
    await gateway.send(metrics);
    await collector.exports.has(1);
    assert.deepEqual(
      collector.exports.items.map(({ path }) => path),
      ['/v1/metrics'],
    );
    assert.deepEqual(await gateway.bus.deadLetters('telemetry.v1', 10), []);
  });

  test('that is damaged is accepted and dead-lettered; the reason quotes nothing', async () => {
    await using collector = await openCollector();
    await using gateway = await openRelayedGateway([destination(collector)]);
    const answer = await gateway.send('a secret prompt');
    assert.equal(answer.status, 200);
    await gateway.relay.idle();
    const letters = await gateway.bus.deadLetters('telemetry.v1', 10);
    const reasons = letters.map(({ reason }) => reason);
    assert.deepEqual(reasons, ['payload is not a valid OTLP export request']);
    assert.equal(JSON.stringify(gateway.log.lines).includes('secret prompt'), false);
    assert.equal(collector.exports.items.length, 0);
  });
});

describe('the intake refuses', () => {
  const post = { method: 'POST', body: Buffer.from(metrics) };
  const destinations = [{ metrics: true, logs: false, traces: false }];

  test('a client without a session, before the body is looked at', async () => {
    await using server = await openPolicyServer({ destinations });
    assert.equal((await server.request(null, '/v1/metrics', post)).status, 401);
  });

  test('to be read', async () => {
    await using server = await openPolicyServer({ destinations });
    const answer = await server.request(DEVELOPER, '/v1/logs');
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST']);
  });

  test('with 503 and a pause while the bus is unavailable: the client tries again', async () => {
    await using server = await openPolicyServer({ destinations });
    const answer = await server.request(DEVELOPER, '/v1/metrics', post);
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '5']);
  });

  for (const bound of [{ inFlightMax: 1 }, { inFlightBytesMax: metrics.byteLength }]) {
    const what = Object.keys(bound).join();
    test(`one export more than ${what} allows, and takes the next when there is room`, async () => {
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      const publish = () => {
        entered.resolve();
        return gate.promise;
      };
      await using server = await openPolicyServer({ destinations, bus: { publish }, ...bound });
      const first = server.request(DEVELOPER, '/v1/metrics', post);
      await entered.promise;
      assert.equal((await server.request(DEVELOPER, '/v1/metrics', post)).status, 503);
      gate.resolve();
      assert.equal((await first).status, 200);
      assert.equal((await server.request(DEVELOPER, '/v1/metrics', post)).status, 200);
    });
  }

  test('a body beyond its bound', async () => {
    await using server = await openPolicyServer({ destinations, bodyBytesMax: 10 });
    assert.equal((await server.request(DEVELOPER, '/v1/metrics', post)).status, 413);
  });
});

test('the gateway’s own metrics reach those who take metrics, as they were, in nobody’s name', async () => {
  await using takes = await openCollector();
  await using takesNot = await openCollector();
  await using gateway = await openRelayedGateway([
    destination(takes),
    destination(takesNot, { metrics: false }),
  ]);
  const own = openOwnMetrics({
    vitals: { circuits: () => [], openRequests: () => 3 },
    bus: gateway.bus,
    destinations: () => [{ metrics: true, logs: false, traces: false }],
    resource: { version: '0.1.0', instanceId: 'i1' },
    everyMs: 3_600_000,
    newId: () => 'own-1',
    clock: gateway.clock,
    log: gateway.log,
  });
  using _own = own;
  await own.send();
  await takes.exports.has(1);
  const [received] = takes.exports.items;
  assert.deepEqual(
    [received?.path, received?.headers['content-type']],
    ['/v1/metrics', 'application/json'],
  );
  const { resourceMetrics } = JSON.parse(received?.decoded.toString() ?? '');
  assert.equal(resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0].asInt, '3');
  assert.doesNotMatch(received?.decoded.toString() ?? '', /user\.|identity\./);
  assert.equal(takesNot.exports.items.length, 0);
});
