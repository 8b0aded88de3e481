import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deltaTextUnits } from './delta-text.ts';

const frame = (delta: object, json = JSON.stringify(delta)) =>
  Buffer.from(`{"type":"content_block_delta","index":0,"delta":${json}}`);
const text = (value: string) => ({ type: 'text_delta', text: value });
const thinking = (value: string) => ({ type: 'thinking_delta', thinking: value });
const json = (value: string) => ({ type: 'input_json_delta', partial_json: value });
const signature = { type: 'signature_delta', signature: 'x'.repeat(400) };
const citation = { type: 'citations_delta', citation: { cited_text: 'x'.repeat(400) } };
const x = (times: number) => 'x'.repeat(times);
const ten = (delta: object) => Array.from({ length: 10 }, () => delta);

// Captured from the reference gateway 2.1.330 (2026-11-23): tokens that a cut stream was billed.
const CAPTURED: readonly [name: string, tokens: number, deltas: readonly object[]][] = [
  ['text 1', 1, [text('x')]],
  ['text 400', 100, [text(x(400))]],
  ['text 401', 101, [text(x(401))]],
  ['text 10 x 40', 100, ten(text(x(40)))],
  ['text 400 newlines', 200, [text('\n'.repeat(400))]],
  ['text 400 quotes', 200, [text('"'.repeat(400))]],
  ['text 400 é', 100, [text('é'.repeat(400))]],
  ['text 400 of three bytes', 100, [text('漢'.repeat(400))]],
  ['text 400 emoji', 200, [text('😀'.repeat(400))]],
  ['thinking 400', 102, [thinking(x(400))]],
  ['thinking 10 x 40', 120, ten(thinking(x(40)))],
  ['signature 400', 103, [signature]],
  ['thinking 10 x 40 and signature 400', 223, [...ten(thinking(x(40))), signature]],
  ['input_json 400', 104, [json(x(400))]],
  ['input_json 10 x 40', 135, ten(json(x(40)))],
  ['citation of 400', 106, [citation]],
];

for (const [name, tokens, deltas] of CAPTURED) {
  test(`${name}: ${tokens} tokens`, () => {
    const units = deltas.reduce((sum: number, delta) => sum + deltaTextUnits(frame(delta)), 0);
    assert.equal(Math.ceil(units / 4), tokens);
  });
}

test('the spelling of the JSON does not matter', () => {
  const spaced = '{ "type": "text_delta",\t"text" : "a \\u00e9\\ud83d\\ude00 }{ \\\\" }  ';
  assert.equal(deltaTextUnits(frame({}, spaced)), 'a é😀 }{ \\\\'.length);
});

test('a delta of no kind that is known, cut, or absent', () => {
  assert.equal(deltaTextUnits(frame({})), 0);
  assert.equal(deltaTextUnits(Buffer.from('{"delta":{"type":"text_delta","text":"abc')), 1);
  assert.equal(deltaTextUnits(Buffer.from(`{"delta":null,"x":{"y":"${x(99)}"}}`)), 0);
  assert.equal(deltaTextUnits(Buffer.from('{"delta":')), 0);
  assert.equal(deltaTextUnits(Buffer.from('{"type":"ping"}')), 0);
});
