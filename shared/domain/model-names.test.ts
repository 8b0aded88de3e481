import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { capModel, modelNames } from './model-names.ts';

describe('what a cap calls a model', () => {
  for (const [text, name] of [
    ['opus', 'opus'],
    ['Mythos', 'mythos'],
    ['claude-opus-5-5', 'claude-opus-5-5'],
    ['claude-sonnet-4-5', 'claude-sonnet-4-5'],
    ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
    ['claude-sonnet-4-5@20250929', 'claude-sonnet-4-5'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
    ['Our-Model/V2', 'our-model/v2'],
    ['claude-sonnet-4-5-20250101', 'claude-sonnet-4-5-20250101'],
    ['', null],
    ['a b', null],
    ['arn:aws:bedrock:x', null],
    ['a\u0000', null],
    ['\ud800', null],
    ['modèle', null],
    ['x'.repeat(201), null],
  ] as const) {
    test(JSON.stringify(text.slice(0, 50)), () => assert.equal(capModel(text), name));
  }
});

describe('the names that caps may have for a requested model', () => {
  for (const [requested, family, names] of [
    ['claude-haiku-4-5-20251001', 'haiku', ['haiku', 'claude-haiku-4-5']],
    ['opus', 'opus', ['opus']],
    ['Custom', '', ['custom']],
    ['arn:aws:bedrock:x', 'opus', ['opus']],
  ] as const) {
    test(requested, () => assert.deepEqual(modelNames(requested, family), names));
  }
});
