// infra/gateway.example.yaml is what an operator copies: it boots, and shows every option there is.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '#shared/config/load.ts';
import { gatewaySchema } from '#shared/config/schema.ts';

const text = readFileSync(new URL('../../infra/gateway.example.yaml', import.meta.url), 'utf8');
const env = {
  OIDC_CLIENT_SECRET: 'not-a-real-secret',
  ANTHROPIC_API_KEY: 'not-a-real-key',
  ADMIN_WRITE_KEY: 'aaaabbbbccccddddeeeeffff00001111',
};

test('the example boots without a warning', () => {
  const result = loadConfig({ text }, { env });
  assert.ok(result.ok, result.ok ? '' : result.faults.map((fault) => fault.message).join('\n'));
  assert.deepEqual(result.warnings, []);
});

/** Options that are no choice of this release, and another name of one that is shown. */
const NOT_SHOWN = ['managed.settings', 'managed.policies.settings'];
/** What is in them is Claude Code's, and changes with it. */
const SETTINGS = ['managed.policies.cli', 'managed.policies.code'];

test('the example shows every option', () => {
  const options = new Set(optionsOf(gatewaySchema));
  assert.ok(options.size > 100, `${options.size} options were found`);
  for (const option of options) {
    const isLeftOut = NOT_SHOWN.some((one) => option === one || option.startsWith(`${one}.`));
    if (isLeftOut || SETTINGS.some((one) => option.startsWith(`${one}.`))) continue;
    const name = option.split('.').at(-1);
    assert.match(text, new RegExp(`(^ *(# *)*(- )?|[{,] |\`)${name}:`, 'm'), option);
  }
});

/** `listen.port` and the like, under wrappers, lists and alternatives. */
function optionsOf(schema: unknown, path: readonly string[] = []): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  if ('shape' in schema) {
    return Object.entries(schema.shape as object).flatMap(([key, inner]) => [
      [...path, key].join('.'),
      ...optionsOf(inner, [...path, key]),
    ]);
  }
  const { def = {} } = schema as { def?: Record<string, unknown> };
  const inner = ['innerType', 'in', 'element', 'valueType'].map((wrapper) => def[wrapper]);
  const alternatives = Array.isArray(def['options']) ? def['options'] : [];
  return [...inner, ...alternatives].flatMap((one) => optionsOf(one, path));
}

test('the commented defaults are the defaults', () => {
  const result = loadConfig({ text }, { env });
  assert.ok(result.ok);
  const { listen, oidc, admin, limits, timeouts, rate_limits, enforcement, jobs } = result.config;
  const shown = (key: string, value: unknown): void => {
    assert.match(
      text,
      new RegExp(`^ *# ${key}: ${String(value).replaceAll('/', '\\/')}( |$)`, 'm'),
    );
  };
  shown('host', listen.host);
  shown('port', listen.port);
  shown('data_dir', result.config.data_dir);
  shown('workers', result.config.workers);
  shown('ttl_hours', result.config.session.ttl_hours);
  shown('groups_claim', oidc.groups_claim);
  shown('use_pkce', oidc.use_pkce);
  shown('id_token_signed_response_alg', oidc.id_token_signed_response_alg);
  shown('audit_retention_days', admin?.audit_retention_days);
  shown('spend_retention_months', admin?.spend_retention_months);
  shown('identity_retention_days', admin?.identity_retention_days);
  shown('group_limit_mode', admin?.group_limit_mode);
  shown('reservation', enforcement.reservation);
  shown('reservation_ttl_seconds', enforcement.reservation_ttl_seconds);
  const every = Object.entries(jobs.every_seconds).map(([job, seconds]) => `${job}: ${seconds}`);
  shown('every_seconds', `{ ${every.join(', ')} }`);
  shown('max_request_bytes', limits.max_request_bytes);
  shown('overload_delay_ms', limits.overload_delay_ms);
  shown('upstream_ttfb_ms', timeouts.upstream_ttfb_ms);
  const { max, window_seconds } = rate_limits.device_authorization;
  shown('device_authorization', `{ max: ${max}, window_seconds: ${window_seconds} }`);
});
