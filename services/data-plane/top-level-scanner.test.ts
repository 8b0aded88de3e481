import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { scanTopLevel } from './top-level-scanner.ts';

const NASTY = [
  '{"model":"a","stream":true}',
  '  {\r\n\t"model" : "a\\"b\\\\" , "x":{"model":"inner","y":["]","}"]},"stream":false }\n',
  '{"mod\\u0065l":"é\\u00e9 😀","n":-1.5e+3,"e":{},"f":[],"z":null}',
  '{"messages":[{"content":"\\\\\\"model\\":\\"fake"}],"model":"real","max_tokens":12345678901234567890}',
  '{}',
  '{"tags":{"a":[1,{"b":"}"}]},"model":"x"}',
];
const WANTED = new Set(['model', 'stream', 'max_tokens', 'tags']);

const bytesOf = (text: string) => Buffer.from(text);
const valuesIn = (chunks: readonly Buffer[]) => {
  const scanned = scanTopLevel(chunks, WANTED, 4096);
  assert.equal(scanned.outcome, 'object');
  if (scanned.outcome !== 'object') return {};
  return Object.fromEntries(scanned.members.map(({ key, raw }) => [key, JSON.parse(raw ?? '')]));
};

describe('top-level scanner', () => {
  test('agrees with JSON.parse at every split into three pieces', () => {
    for (const text of NASTY) {
      const bytes = bytesOf(text);
      const all = JSON.parse(text) as Record<string, unknown>;
      const expected = Object.fromEntries(Object.entries(all).filter(([key]) => WANTED.has(key)));
      for (let a = 0; a <= bytes.length; a += 1) {
        for (let b = a; b <= bytes.length; b += 1) {
          const pieces = [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)];
          assert.deepEqual(valuesIn(pieces), expected, `${text} at ${a}, ${b}`);
        }
      }
    }
  });

  test('agrees with JSON.parse on long texts, wherever they are cut', () => {
    const part = fc.constantFrom(
      'a',
      '\\',
      '"',
      '\n',
      'é',
      '}',
      'plain text '.repeat(4),
      '\\"',
      '"\\',
    );
    const text = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(''));
    const value = fc.record({ tags: text, messages: fc.array(fc.record({ content: text })) });
    fc.assert(
      fc.property(value, fc.array(fc.nat(), { maxLength: 4 }), (all, cuts) => {
        const bytes = bytesOf(JSON.stringify(all));
        const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
        const pieces = ends.map((end, nth) => bytes.subarray(ends[nth - 1] ?? 0, end));
        assert.deepEqual(valuesIn(pieces), { tags: all.tags });
      }),
      { numRuns: 500 },
    );
  });

  test('names the very bytes of key and value', () => {
    for (const text of NASTY) {
      const scanned = scanTopLevel([bytesOf(text)], WANTED, 4096);
      if (scanned.outcome !== 'object') return assert.fail();
      assert.equal(scanned.memberCount, Object.keys(JSON.parse(text)).length);
      const bytes = bytesOf(text);
      for (const { key, start, valueStart, end, raw } of scanned.members) {
        const member = bytes.subarray(start, end).toString();
        assert.deepEqual(Object.keys(JSON.parse(`{${member}}`)), [key]);
        assert.equal(bytes.subarray(valueStart, end).toString(), raw);
      }
    }
  });

  test('refuses every truncation and every trailing byte that JSON.parse refuses', () => {
    for (const text of NASTY) {
      const bytes = bytesOf(text.trim());
      for (let cut = 1; cut < bytes.length; cut += 1) {
        const { outcome } = scanTopLevel([bytes.subarray(0, cut)], WANTED, 4096);
        assert.equal(outcome, 'broken', `${text} cut at ${cut}`);
      }
      for (const tail of ['x', '{}', ',', '"']) {
        assert.equal(scanTopLevel([bytes, bytesOf(tail)], WANTED, 4096).outcome, 'broken');
      }
    }
  });

  test('refuses what is no member at the top level', () => {
    const broken = [
      '{,}',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '{"a":1 "b":2}',
      '{a:1}',
      '{"a":/**/1}',
      '{"a":1}}',
      '{"\\x":1}',
    ];
    for (const text of broken) {
      assert.equal(scanTopLevel([bytesOf(text)], WANTED, 4096).outcome, 'broken', text);
    }
    for (const text of ['[]', 'null', '1', '"x"']) {
      assert.equal(scanTopLevel([bytesOf(text)], WANTED, 4096).outcome, 'not_object', text);
    }
  });

  test('reports every duplicate, however its key is spelled', () => {
    const text = '{"model":"a","x":1,"\\u006dodel":"b","model":"c"}';
    const scanned = scanTopLevel([bytesOf(text)], WANTED, 4096);
    if (scanned.outcome !== 'object') return assert.fail();
    assert.deepEqual(
      scanned.members.map(({ raw }) => raw),
      ['"a"', '"b"', '"c"'],
    );
  });

  test('keeps no more of a value than it was allowed', () => {
    const text = JSON.stringify({
      model: 'x'.repeat(100),
      tags: { a: 'y'.repeat(100) },
      stream: 1,
    });
    const scanned = scanTopLevel([bytesOf(text)], WANTED, 50);
    if (scanned.outcome !== 'object') return assert.fail();
    assert.deepEqual(
      scanned.members.map(({ raw }) => raw),
      [null, null, '1'],
    );
    const many = `{${Array.from({ length: 1000 }, () => '"model":1').join()}}`;
    assert.equal(scanTopLevel([bytesOf(many)], WANTED, 50).outcome, 'broken');
  });
});
