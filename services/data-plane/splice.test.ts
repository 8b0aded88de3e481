import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dropMembers, type Edit, spliceBody } from './splice.ts';
import { scanTopLevel } from './top-level-scanner.ts';

const WANTED = new Set(['model', 'tags', 'anthropic_version']);

/** Splits into pieces of every size, and insists that they all give the same. */
function spliced(text: string, edit: Edit): string {
  const bytes = Buffer.from(text);
  const results = new Set<string>();
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    const scanned = scanTopLevel(pieces, WANTED, 4096);
    if (scanned.outcome !== 'object') assert.fail(`${text} is no object`);
    results.add(Buffer.concat(spliceBody(pieces, scanned, edit)).toString());
  }
  assert.equal(results.size, 1);
  return [...results][0] ?? '';
}

describe('splice', () => {
  test('replaces a value and leaves every other byte, big numbers included', () => {
    const text = '{ "n":12345678901234567890, "model" : "old" , "f":1.0 }';
    const replace = { model: '"new"' };
    assert.equal(spliced(text, { replace }), text.replace('"old"', '"new"'));
  });

  test('drops members in every position, alone and in runs, and stays JSON', () => {
    const members = [
      '"model":"m"',
      '"tags":{"a":[1]}',
      '"x":1',
      '"anthropic_version":"v"',
      '"y":2',
    ];
    const drop = ['model', 'tags', 'anthropic_version'];
    for (const order of permutations(members)) {
      for (let length = 0; length <= order.length; length += 1) {
        for (const gap of ['', ' \n']) {
          const text = `{${gap}${order.slice(0, length).join(`${gap},${gap}`)}${gap}}`;
          const left = { ...JSON.parse(text) };
          for (const key of drop) delete left[key];
          assert.deepEqual(JSON.parse(spliced(text, { drop })), left, text);
          const add = { anthropic_version: '"new"' };
          const expected = { ...left, anthropic_version: 'new' };
          assert.deepEqual(JSON.parse(spliced(text, { drop, add })), expected, text);
        }
      }
    }
  });

  test('drops what a background scan finds, and nothing of what is no object', () => {
    const chunks = [Buffer.from('{"max_tokens":1,"model":"m","stream":true}')];
    const left = dropMembers(chunks, new Set(['max_tokens', 'stream']));
    assert.equal(Buffer.concat(left ?? []).toString(), '{"model":"m"}');
    assert.equal(dropMembers([Buffer.from('[]')], new Set(['a'])), null);
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) =>
    permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]),
  );
}
