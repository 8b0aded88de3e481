// The gateway.yaml of the README is what a newcomer copies: it boots, without a warning.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '#shared/config/load.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the README’s gateway.yaml boots as it is', () => {
  const files = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  assert.equal(files.length, 1);
  const env = {
    OIDC_CLIENT_SECRET: 'not-a-real-secret',
    TALLYGATE_ADMIN_KEY: 'aaaabbbbccccddddeeeeffff00001111',
  };
  const result = loadConfig({ text: files[0] ?? '' }, { env });
  assert.ok(result.ok, result.ok ? '' : result.faults.map((fault) => fault.message).join('\n'));
  assert.deepEqual(result.warnings, []);
});
