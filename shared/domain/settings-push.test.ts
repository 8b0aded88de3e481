import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelPricing, telemetryEnv } from './settings-push.ts';

const metricsOnly = { metrics: true, logs: false, traces: false };
const tracesOnly = { metrics: false, logs: false, traces: true };

test('an exporter is switched on exactly when a destination takes its signal', () => {
  const env = telemetryEnv({
    publicUrl: 'http://127.0.0.1:1',
    destinations: [metricsOnly, tracesOnly],
    resourceAttributes: {},
  });
  assert.deepEqual(env, {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  });
});

test('resource attributes are one comma-separated variable', () => {
  const env = telemetryEnv({
    publicUrl: 'http://127.0.0.1:1',
    destinations: [],
    resourceAttributes: { team: 'platform', 'deployment.environment': 'prod' },
  });
  assert.equal(env?.['OTEL_RESOURCE_ATTRIBUTES'], 'team=platform,deployment.environment=prod');
  assert.equal(env?.['OTEL_METRICS_EXPORTER'], 'none');
});

test('without a public URL clients are told nothing', () => {
  const push = { publicUrl: null, destinations: [metricsOnly], resourceAttributes: {} };
  assert.equal(telemetryEnv(push), null);
});

const row = { model: 'claude-opus-4-8', input: 1, output: 2, cacheRead: 3, cacheWrite: 4 };

test('the price of the upstream that serves a model first is pushed, another one is not', () => {
  const push = modelPricing({
    multiplier: 0.5,
    overrides: [
      { upstream: 'b', ...row, input: 9 },
      { upstream: 'a', ...row },
    ],
    firstUpstreamOf: () => 'a',
  });
  assert.deepEqual(push, {
    multiplier: 0.5,
    overrides: { 'claude-opus-4-8': { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 } },
  });
});

test('without configured prices nothing is pushed', () => {
  assert.equal(modelPricing({ multiplier: null, overrides: [], firstUpstreamOf: () => 'a' }), null);
});
