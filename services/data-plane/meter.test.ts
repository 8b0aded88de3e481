import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createJsonMeter, createSseMeter, type Meter, type Metered } from './meter.ts';

const frame = (type: string, fields: object, newline = '\n') =>
  `event: ${type}${newline}data: ${JSON.stringify({ type, ...fields })}${newline}${newline}`;
const start = (usage: object) => ({ message: { id: 'm', content: [], usage } });
const delta = (text: string) => ({ index: 0, delta: { type: 'text_delta', text } });

const INPUT = { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 };

/** A whole answer with everything that could fool a meter that looks for `"usage"`. */
function answer(newline: string): string {
  return [
    ': a comment',
    newline + newline,
    frame('message_start', start({ ...INPUT, cache_creation_input_tokens: 7 }), newline),
    frame('ping', {}, newline),
    frame('content_block_delta', delta('{"usage":{"input_tokens":999}} \\ é 😀'), newline),
    frame('content_block_delta', delta('event: message_delta\ndata: {"usage":1}\n\n'), newline),
    frame('content_block_delta', { usage: { input_tokens: 5 }, ...delta('x') }, newline),
    frame('message_delta', { delta: {}, usage: { output_tokens: 33 } }, newline),
    frame('message_stop', {}, newline),
  ].join('');
}

function meterIn(pieces: readonly Buffer[], meter: Meter): Metered {
  for (const piece of pieces) meter.push(piece);
  meter.end();
  return meter.read();
}

function meterText(text: string): Metered {
  return meterIn([Buffer.from(text)], createSseMeter());
}

describe('stream meter', () => {
  for (const [name, newline] of [
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ] as const) {
    test(`reads the same at every split, lines ending in ${name}`, () => {
      const bytes = Buffer.from(answer(newline));
      const whole = meterIn([bytes], createSseMeter());
      assert.deepEqual(
        [whole.usage?.inputTokens, whole.usage?.outputTokens, whole.usage?.cacheWrite5mTokens],
        [10, 33, 7],
      );
      assert.equal(whole.isFinal, true);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
        assert.deepEqual(meterIn(pieces, createSseMeter()), whole, `cut at ${cut}`);
      }
      const single = [...bytes].map((byte) => Buffer.of(byte));
      assert.deepEqual(meterIn(single, createSseMeter()), whole);
    });
  }

  test('counts what is streamed, of every kind of delta', () => {
    const partial = { index: 0, delta: { type: 'input_json_delta', partial_json: '{"a"' } };
    const thinking = { index: 0, delta: { type: 'thinking_delta', thinking: 'hmm' } };
    const signature = { index: 0, delta: { type: 'signature_delta', signature: 'xxxxxxxx' } };
    const { textUnits, isFinal, usage } = meterText(
      frame('message_start', start(INPUT)) +
        frame('content_block_delta', delta('a"b\n')) +
        frame('content_block_delta', partial) +
        frame('content_block_delta', thinking) +
        frame('content_block_delta', signature),
    );
    // a\"b\n is six units, {\"a\" six and 14 more, hmm three and 8 more, the signature 8 and 10 more.
    assert.equal(textUnits, 6 + 20 + 11 + 18);
    assert.deepEqual([isFinal, usage?.inputTokens, usage?.outputTokens], [false, 10, 0]);
  });

  test('lets later counts override earlier ones, cache writes and server tools included', () => {
    const first = { ...INPUT, cache_creation: { ephemeral_1h_input_tokens: 4 } };
    const last = {
      output_tokens: 9,
      cache_creation_input_tokens: 10,
      server_tool_use: { web_search_requests: 2 },
      speed: 'fast',
    };
    const { usage } = meterText(
      frame('message_start', start(first)) + frame('message_delta', { usage: last }),
    );
    assert.deepEqual(usage, {
      ...{ inputTokens: 10, outputTokens: 9, cacheReadTokens: 5 },
      ...{ cacheWrite5mTokens: 6, cacheWrite1hTokens: 4 },
      ...{ webSearchRequests: 2, webFetchRequests: 0, codeExecutionRequests: 0, speed: 'fast' },
    });
  });

  test('refuses counts that cannot be', () => {
    for (const input_tokens of [-1, 1.5, 1e12, '7', {}]) {
      const good = { output_tokens: 1 };
      const text = frame('message_start', start({ ...INPUT, input_tokens }));
      const { usage, isFinal, started } = meterText(text + frame('message_delta', { usage: good }));
      assert.deepEqual([usage, isFinal, started], [null, false, true], String(input_tokens));
    }
  });

  test('names the error of an error event', () => {
    const { errorType, started } = meterText(
      frame('error', { error: { type: 'overloaded_error' } }),
    );
    assert.deepEqual([errorType, started], ['overloaded_error', false]);
  });

  test('stays small and goes on after an event that is far too large', () => {
    const meter = createSseMeter();
    meter.push(Buffer.from(frame('message_start', start(INPUT))));
    meter.push(Buffer.from('data: {"type":"content_block_delta","delta":{"text":"'));
    const before = process.memoryUsage().arrayBuffers;
    const piece = Buffer.alloc(65_536, 0x61);
    for (let i = 0; i < 640; i += 1) meter.push(piece);
    assert.ok(process.memoryUsage().arrayBuffers - before < 8_000_000);
    meter.push(Buffer.from('"}}\r'));
    meter.push(Buffer.from('\n\r'));
    meter.push(Buffer.from(`\n${frame('message_delta', { usage: { output_tokens: 3 } })}`));
    meter.end();
    const { usage, textUnits } = meter.read();
    assert.equal(usage?.outputTokens, 3);
    assert.ok(textUnits >= 640 * 65_536);
  });
});

describe('body meter', () => {
  test('reads usage of the top level at every split, wherever it stands', () => {
    const body = {
      content: [{ text: '"usage":{"input_tokens":1}', usage: { input_tokens: 2 } }],
      usage: { ...INPUT, output_tokens: 44 },
      after: '}',
    };
    const bytes = Buffer.from(JSON.stringify(body));
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const { usage, isFinal } = meterIn(pieces, createJsonMeter());
      assert.deepEqual([usage?.inputTokens, usage?.outputTokens, isFinal], [10, 44, true]);
    }
  });

  test('knows nothing of a body that was cut or has none', () => {
    for (const text of ['{"usage":{"input_tokens":1}', '{"a":1}', '[]', '', '{"usage":"x"}']) {
      const { usage, textUnits } = meterIn([Buffer.from(text)], createJsonMeter());
      assert.deepEqual([usage, textUnits], [null, text.length], text);
    }
  });
});
