import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chunk, exception, message } from '../../../test/support/aws.ts';
import { translateEventStream } from './aws-event-stream.ts';

const TYPE = { 'content-type': 'application/vnd.amazon.eventstream', 'content-length': '9' };

interface Read {
  text: string;
  ending: 'end' | Error | null;
  writes: number;
}

/** What a client would get of these chunks; `isReady` is what the sink behind answers. */
function read(chunks: readonly Buffer[], isReady = true) {
  const got: Read = { text: '', ending: null, writes: 0 };
  const sink = translateEventStream(TYPE)?.open({
    onData(bytes) {
      got.text += bytes.toString();
      got.writes += 1;
      return isReady;
    },
    onEnd() {
      assert.equal(got.ending, null);
      got.ending = 'end';
    },
    onDied(reason) {
      assert.equal(got.ending, null);
      got.ending = reason;
    },
  });
  const answers = chunks.map((bytes) => sink?.onData(bytes));
  return { got, sink, answers };
}

function whole(chunks: readonly Buffer[]): Read {
  const { got, sink } = read(chunks);
  sink?.onEnd();
  return got;
}

const EVENTS = [
  '{"type":"message_start","message":{"usage":{"input_tokens":12345678901234567890}}}',
  '{"type":"content_block_delta","delta":{"type":"text_delta","text":"é𝄞\\n\\u00e9"}}',
  '{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}',
];
const SSE = [
  `event: message_start\ndata: ${EVENTS[0]}\n\n`,
  `event: content_block_delta\ndata: ${EVENTS[1]}\n\n`,
  'event: message_stop\ndata: {"type":"message_stop"}\n\n',
].join('');
const STREAM = Buffer.concat(EVENTS.map(chunk));

describe('a binary stream', () => {
  test('is Anthropic’s events, without Bedrock’s figures, split at every byte', () => {
    for (let at = 0; at <= STREAM.length; at += 1) {
      const got = whole([STREAM.subarray(0, at), STREAM.subarray(at)]);
      assert.deepEqual([got.text, got.ending], [SSE, 'end'], `split at ${at}`);
    }
  });

  test('and in pieces of every size', () => {
    for (let size = 1; size < 80; size += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < STREAM.length; at += size) pieces.push(STREAM.subarray(at, at + size));
      assert.equal(whole(pieces).text, SSE, `pieces of ${size}`);
    }
  });

  test('hands on an event with its last byte, and once for each chunk', () => {
    const first = chunk(EVENTS[0] ?? '');
    assert.equal(read([first.subarray(0, -1)]).got.text, '');
    assert.equal(read([first]).got.text.length > 0, true);
    assert.equal(read([STREAM]).got.writes, 1);
  });

  test('tells that the client is slow', () => {
    assert.deepEqual(read([STREAM, STREAM.subarray(0, 3)], false).answers, [false, true]);
  });

  test('copies what it keeps: the bytes of a chunk are only lent', () => {
    const lent = Buffer.from(STREAM.subarray(0, 100));
    const { got, sink } = read([lent]);
    lent.fill(0);
    sink?.onData(STREAM.subarray(100));
    assert.equal(got.text, SSE);
  });

  test('keeps events that nobody knows, and drops messages that are no events', () => {
    const strange = chunk('{"x":1,"type":"future_event"}');
    const other = message({ ':message-type': 'event', ':event-type': 'initial-response' }, '{}');
    const list = chunk('[1]');
    const expected = 'event: future_event\ndata: {"x":1,"type":"future_event"}\n\ndata: [1]\n\n';
    assert.equal(whole([Buffer.concat([other, strange, list])]).text, expected);
  });

  test('has no line break within an event, and no name that is none', () => {
    const broken = chunk('{\r\n "type": "ping",\n "a": "\\n"\r}');
    assert.equal(whole([broken]).text, 'event: ping\ndata: { "type": "ping", "a": "\\n"}\n\n');
    const evil = chunk('{"type":"x\\nevent: error"}');
    assert.equal(whole([evil]).text, 'data: {"type":"x\\nevent: error"}\n\n');
  });
});

describe('what is no whole stream', () => {
  const first = chunk(EVENTS[0] ?? '');

  test('dies with what came before it handed on', () => {
    const flipped = Buffer.from(chunk(EVENTS[1] ?? ''));
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    const tooLong = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    const tooShort = Buffer.from([0, 0, 0, 4]);
    const empty = message({ ':message-type': 'event', ':event-type': 'chunk' }, '{}');
    for (const bad of [flipped, tooLong, tooShort, empty]) {
      const { got, sink } = read([Buffer.concat([first, bad]), first]);
      sink?.onEnd();
      assert.equal(got.text, `event: message_start\ndata: ${EVENTS[0]}\n\n`);
      assert.ok(got.ending instanceof Error);
    }
  });

  test('dies when it ends within a message, and when the connection does', () => {
    assert.ok(whole([first.subarray(0, 5)]).ending instanceof Error);
    const { got, sink } = read([first]);
    const reason = new Error('reset');
    sink?.onDied(reason);
    assert.equal(got.ending, reason);
  });
});

describe('an exception', () => {
  const dataOf = (bytes: Buffer) => /^event: error\ndata: (.*)\n\n$/.exec(whole([bytes]).text)?.[1];

  test('is an error event that names its status', () => {
    for (const [type, body, code] of [
      ['throttlingException', { message: 'slow' }, 429],
      ['validationException', { message: 'slow' }, 400],
      ['serviceUnavailableException', { message: 'slow' }, 529],
      ['internalServerException', { message: 'slow' }, 500],
      ['modelTimeoutException', { message: 'slow' }, 504],
      ['modelStreamErrorException', { message: 'slow', originalStatusCode: 429 }, 429],
      ['modelStreamErrorException', { message: 'slow' }, 500],
      ['somethingNewException', { message: 'slow' }, 500],
    ] as const) {
      const expected = { error: { code, status: type, message: 'slow' } };
      assert.deepEqual(JSON.parse(dataOf(exception(type, body)) ?? ''), expected);
    }
  });

  test('also when AWS knows no type for it', () => {
    const headers = { ':error-code': 'ThrottlingException', ':error-message': 'a\nb' };
    const bytes = message({ ':message-type': 'error', ...headers }, '');
    const expected = { error: { code: 429, status: 'ThrottlingException', message: 'a\nb' } };
    assert.deepEqual(JSON.parse(dataOf(bytes) ?? ''), expected);
  });
});

test('an answer of another type passes, and the stream’s headers are Anthropic’s', () => {
  assert.equal(translateEventStream({ 'content-type': 'text/event-stream' }), null);
  assert.equal(translateEventStream({}), null);
  assert.deepEqual(translateEventStream(TYPE)?.headers, { 'content-type': 'text/event-stream' });
});
