import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseTelemetryAttributes,
  renderTelemetryAttributes,
  type TelemetryEnvelope,
} from './telemetry-event.ts';

const envelope = {
  signal: 'logs',
  contentType: 'application/x-protobuf',
  contentEncoding: 'gzip',
  identity: { sub: 'u1', email: 'dev@example.com', groups: ['eng', 'größe, 大'] },
  destination: null,
} as const satisfies TelemetryEnvelope;

test('an envelope survives the bus', () => {
  assert.deepEqual(parseTelemetryAttributes(renderTelemetryAttributes(envelope)), envelope);
  const directed = {
    ...envelope,
    destination: 'https://otel.example.com/',
    identity: { sub: 'u1', email: null, groups: [] },
  };
  assert.deepEqual(parseTelemetryAttributes(renderTelemetryAttributes(directed)), directed);
});

test('what the gateway says of itself has nobody’s identity', () => {
  const own = { ...envelope, identity: null };
  const attributes = renderTelemetryAttributes(own);
  assert.deepEqual([attributes['source'], attributes['sub']], ['gateway', undefined]);
  assert.deepEqual(parseTelemetryAttributes(attributes), own);
});

test('hundreds of groups stay below the 1024 bytes that Pub/Sub allows an attribute', () => {
  const groups = Array.from({ length: 300 }, (_, index) => `gruppe-ü-${index}`);
  const attributes = renderTelemetryAttributes({
    ...envelope,
    identity: { ...envelope.identity, groups },
  });
  for (const value of Object.values(attributes)) assert.ok(Buffer.byteLength(value) <= 1024);
  assert.deepEqual(parseTelemetryAttributes(attributes)?.identity?.groups, groups);
});

test('attributes that are not ours are refused, not guessed', () => {
  const attributes = renderTelemetryAttributes(envelope);
  assert.equal(parseTelemetryAttributes({}), null);
  assert.equal(parseTelemetryAttributes({ ...attributes, signal: 'profiles' }), null);
  assert.equal(parseTelemetryAttributes({ ...attributes, 'groups.0': '%5B1' }), null);
});
