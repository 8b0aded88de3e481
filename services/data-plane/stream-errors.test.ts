import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ErrorRewriter } from './stream-errors.ts';

const OURS = 'event: error\ndata: {"ours":1}\n\n';

/** What comes out of the pieces, and the data of the error events that were rewritten. */
function pass(pieces: readonly Buffer[], end = true) {
  const told: string[] = [];
  const rewriter = new ErrorRewriter((data) => {
    told.push(data);
    return OURS;
  });
  const out: Buffer[] = [];
  const emit = (bytes: Buffer): void => void out.push(Buffer.from(bytes));
  for (const piece of pieces) rewriter.push(piece, emit);
  if (end) rewriter.end(emit);
  return { text: Buffer.concat(out).toString(), told, out };
}

const ERROR = '{"type":"error","error":{"type":"overloaded_error","message":"projects/p"}}';

const stream = (newline: string, error: string) =>
  [
    ': a comment and nothing else\n\n',
    'event: message_start\ndata: {"type":"message_start"}\n\n',
    'event: errors\ndata: {"type":"errors"}\n\n',
    ': a comment first\nid: 7\nevent: content_block_delta\ndata: {"text":"event: error é"}\n\n',
    'data: {"type":"no event line","error":null}\n\n',
    error,
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ]
    .join('')
    .replaceAll('\n', newline);

const spelled = {
  'with an event line': `event: error\ndata: ${ERROR}\n\n`,
  'with a comment and spaces': `: x\nevent:  error \nid: 1\ndata:${ERROR}\n\n`,
  'data first': `data: ${ERROR}\nevent: error\n\n`,
  'in the spelling of Google': `data: { "error" : {"code":503} }\n\n`,
};

describe('error events are rewritten and nothing else, at every split', () => {
  for (const [name, error] of Object.entries(spelled)) {
    for (const newline of ['\n', '\r\n']) {
      test(`${name}, lines ending in ${JSON.stringify(newline)}`, () => {
        const bytes = Buffer.from(stream(newline, error));
        const expected = stream(newline, '\0').replace('\0', OURS);
        for (let cut = 0; cut <= bytes.length; cut += 1) {
          const { text, told } = pass([bytes.subarray(0, cut), bytes.subarray(cut)]);
          assert.equal(text, expected, `cut at ${cut}`);
          assert.equal(told.length, 1);
          assert.match(told[0] ?? '', /^\{.*"error".*\}$/);
        }
        const single = [...bytes].map((byte) => Buffer.of(byte));
        assert.equal(pass(single).text, expected);
      });
    }
  }
});

test('a chunk without an error is handed on whole, and at once', () => {
  const whole = Buffer.from('event: a\ndata: {}\n\nevent: b\ndata: {"half":"of');
  assert.deepEqual(pass([whole], false).out, [whole]);
});

test('an event is held until it is known to be none of an error, and no longer', () => {
  assert.equal(pass([Buffer.from('event: err')], false).text, '');
  assert.equal(pass([Buffer.from('event: err'), Buffer.from('or')], false).text, '');
  assert.equal(pass([Buffer.from('event: a\n')], false).text, 'event: a\n');
  const long = `data: {"type":"content_block_delta","text":"${'x'.repeat(40)}`;
  assert.equal(pass([Buffer.from(long)], false).text, long);
});

test('an error event that its stream does not end is told all the same', () => {
  const { text, told } = pass([Buffer.from(`event: error\ndata: ${ERROR}`)]);
  assert.deepEqual([text, told], [OURS, [ERROR]]);
});

test('what was not decided at the end passes', () => {
  assert.equal(pass([Buffer.from('data: {"type"')]).text, 'data: {"type"');
});

test('an endless comment is not kept, and neither is an endless error', () => {
  const piece = Buffer.from(`: ${'x'.repeat(10_000)}\n`);
  const comments = pass(Array.from({ length: 10 }, () => piece));
  assert.equal(comments.text, piece.toString().repeat(10));
  const head = Buffer.from('event: error\ndata: "');
  const error = pass([head, ...Array.from({ length: 100 }, () => Buffer.alloc(10_000, 0x78))]);
  assert.equal(error.text, OURS);
  assert.equal(error.told[0]?.length, 65_536 - head.length + 1);
});
