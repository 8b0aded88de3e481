import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson } from './canonical-json.ts';

test('keys are sorted at every level and nothing is spaced', () => {
  const value = { b: [{ z: 1, a: null }], a: { d: 'x y', c: 1.5 } };
  assert.equal(canonicalJson(value), '{"a":{"c":1.5,"d":"x y"},"b":[{"a":null,"z":1}]}');
});

test('equal values written in another order have one spelling', () => {
  assert.equal(
    canonicalJson({ a: 1, b: { c: 2, d: 3 } }),
    canonicalJson({ b: { d: 3, c: 2 }, a: 1 }),
  );
});

test('the order of a list matters', () => {
  assert.notEqual(canonicalJson(['a', 'b']), canonicalJson(['b', 'a']));
});
