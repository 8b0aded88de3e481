import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModelAllowlist } from './model-allowlist.ts';

const haiku = createModelAllowlist(['claude-haiku-4-5']);

for (const name of [
  'claude-haiku-4-5',
  'claude-haiku-4-5-20251001',
  'CLAUDE-HAIKU-4-5',
  'claude-haiku-4-5[1m]',
  'claude-haiku-4-5-latest',
  ' claude-haiku-4-5',
]) {
  test(`an id allows the spelling "${name}"`, () => assert.equal(haiku.allows(name), true));
}

for (const name of [
  'haiku',
  'claude-opus-4-8',
  'claude-haiku-5-5',
  'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'anthropic.claude-haiku-4-5-20251001-v1:0',
  'claude-haiku-4-5@20251001',
  'anthropic/claude-haiku-4-5',
  '',
]) {
  test(`an id does not allow "${name}"`, () => assert.equal(haiku.allows(name), false));
}

test('a family allows its models of every generation and no other family', () => {
  const list = createModelAllowlist(['sonnet', 'opus']);
  for (const name of [
    'claude-sonnet-4-6',
    'claude-sonnet-4-5-20250929',
    'claude-opus-4-1',
    'claude-3-7-sonnet-20250219',
    'sonnet',
  ]) {
    assert.equal(list.allows(name), true, name);
  }
  assert.equal(list.allows('claude-haiku-4-5'), false);
  assert.equal(list.allows('us.anthropic.claude-sonnet-4-6'), false);
});

test('a dated entry allows the undated name', () => {
  assert.equal(
    createModelAllowlist(['claude-haiku-4-5-20251001']).allows('claude-haiku-4-5'),
    true,
  );
});

test('an empty list allows nothing', () => {
  assert.equal(createModelAllowlist([]).allows('claude-haiku-4-5'), false);
});
