// What the captures 05b and 05h say in words, as behaviours of a model and of a client.

import {
  type Behaviour,
  refuses,
  sendJson,
  sseEvent,
  startStream,
  staysSilent,
} from '../support/upstream.ts';

export interface Scene {
  readonly behaviour: Behaviour;
  /** When the client goes away. Absent: it reads to the end. */
  readonly leaves?: 'unanswered' | 'after something came';
  readonly isStream?: boolean;
  /** Default 12: `hi`, as the upstream counts it. Null: it cannot. */
  readonly counted?: number | null;
  /** About 87 kB. */
  readonly isLong?: boolean;
}

const USAGE = { input_tokens: 1000, output_tokens: 1000 };
const message = { id: 'msg_1', type: 'message', role: 'assistant', content: [] };
const start = (outputTokens = 1) =>
  sseEvent('message_start', {
    message: { ...message, usage: { input_tokens: 1000, output_tokens: outputTokens } },
  });
const delta = (fields: object) => sseEvent('content_block_delta', { index: 0, delta: fields });
const text = (value: string) => delta({ type: 'text_delta', text: value });
const ten = (event: string): string => event.repeat(10);
const FORTY = 'x'.repeat(40);
const TEXT_400 = ten(text(FORTY));
const count = (outputTokens: number) =>
  sseEvent('message_delta', { delta: {}, usage: { output_tokens: outputTokens } });
const STOP = sseEvent('message_stop', {});
const ERROR = sseEvent('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
const WHOLE = start() + text('hello') + count(100) + count(250) + STOP;

/** Writes it, then ends, breaks off, or stands still. */
function streamOf(events: string, then: 'ends' | 'dies' | 'stands' = 'ends'): Behaviour {
  return (res) => {
    startStream(res);
    if (then === 'ends') res.end(events);
    else if (then === 'dies') res.write(events, () => res.destroy());
    else if (events === '') res.flushHeaders();
    else res.write(events);
  };
}

/** A body of so many bytes that is no JSON and has no usage. */
function bodyOf(bytes: number, contentType = 'application/json'): Behaviour {
  return (res) => {
    res.writeHead(200, { 'content-type': contentType });
    res.end('x'.repeat(bytes));
  };
}

function jsonOf(bytes: number): Behaviour {
  return (res) => {
    const content = [{ type: 'text', text: 'x'.repeat(bytes) }];
    sendJson(res, 200, { ...message, content, usage: USAGE });
  };
}

/** A status without a body that says what it costs. */
function bare(status: number, headers: Record<string, string> = {}): Behaviour {
  return (res) => void res.writeHead(status, headers).end(status === 204 ? undefined : 'x');
}

const noUsage = (outputTokens: number): Scene => ({ behaviour: bodyOf(outputTokens * 4) });
const refused = (status: number): Scene => ({ behaviour: refuses(status, {}, { usage: USAGE }) });
const stream = (behaviour: Behaviour, more: Partial<Scene> = {}): Scene => ({
  ...{ behaviour, isStream: true, counted: null },
  ...more,
});
const left = 'after something came';
const thinking = ten(delta({ type: 'thinking_delta', thinking: FORTY }));
const signature = delta({ type: 'signature_delta', signature: 'x'.repeat(400) });
const toolInput = ten(delta({ type: 'input_json_delta', partial_json: FORTY }));
const fake = JSON.stringify({ type: 'message_delta', usage: { output_tokens: 9 } });

/** Of capture 05b, by name. */
export const EDGE_CASES: Readonly<Record<string, Scene>> = {
  'non-stream, usage missing, 400-char text': noUsage(117),
  'non-stream, not JSON': noUsage(103),
  'non-stream 200 text/html': { behaviour: bodyOf(102 * 4, 'text/html') },
  ...Object.fromEntries(
    [400, 401, 404, 413, 429, 500, 529].map((status) => [
      `status ${status} with usage in body`,
      refused(status),
    ]),
  ),
  '201 with usage': { behaviour: (res) => sendJson(res, 201, { ...message, usage: USAGE }) },
  'stream: start (1000 in), 10x40 chars, ends without message_delta': stream(
    streamOf(start() + TEXT_400),
  ),
  'stream: start, 10x40 chars, upstream destroys': stream(streamOf(start() + TEXT_400, 'dies')),
  'stream: upstream destroys before any event': stream(streamOf(': hi\n\n', 'dies')),
  'stream: start then error event': stream(streamOf(start() + TEXT_400 + ERROR)),
  'stream: error event only': stream(streamOf(ERROR)),
  'client aborts after 400 chars (then upstream would go on)': stream(
    streamOf(start() + TEXT_400, 'stands'),
    { leaves: left },
  ),
  'client aborts before any event; 87 kB prompt': stream(streamOf('', 'stands'), {
    ...{ leaves: 'unanswered', isLong: true, counted: 22_000 },
  }),
  'client aborts while waiting for upstream headers; 87 kB prompt': stream(staysSilent, {
    ...{ leaves: 'unanswered', isLong: true, counted: 22_000 },
  }),
  'client aborts non-stream before answer; 87 kB prompt': {
    ...{ behaviour: staysSilent, leaves: 'unanswered', isLong: true, counted: 22_000 },
  },
  'stream of thinking deltas, aborted (400 chars thinking + 400 chars signature)': stream(
    streamOf(start() + thinking + signature, 'stands'),
    { leaves: left },
  ),
  'stream of input_json deltas, cut (400 chars)': stream(streamOf(start() + toolInput)),
  'stream cut: non-ASCII text 400 chars of é': stream(streamOf(start() + text('é'.repeat(400)))),
  'stream cut: 400 emoji': stream(streamOf(start() + text('😀'.repeat(400)))),
  'stream cut after message_start with output_tokens=50 and 40 chars': stream(
    streamOf(start(50) + text(FORTY)),
  ),
  'stream with two message_delta (cumulative 100 then 250)': stream(streamOf(WHOLE)),
  'stream message_delta present but connection dies before message_stop': stream(
    streamOf(WHOLE.replace(STOP, ''), 'dies'),
  ),
  'SSE with CRLF and split frames': stream((res) => {
    startStream(res);
    const crlf = WHOLE.replaceAll('\n', '\r\n');
    for (let at = 0; at < crlf.length; at += 7) res.write(crlf.slice(at, at + 7));
    res.end();
  }),
  'SSE without event: lines': stream(streamOf(WHOLE.replaceAll(/^event: .*\n/gm, ''))),
  'SSE "data:" without space': stream(streamOf(WHOLE.replaceAll('data: ', 'data:'))),
  'stream:true but upstream answers JSON': stream((res) =>
    sendJson(res, 200, { ...message, usage: USAGE }),
  ),
  'stream:false but upstream answers SSE': { behaviour: streamOf(WHOLE) },
  'non-stream 3 MB body, usage at end': { behaviour: jsonOf(3_000_000) },
  'non-stream 30 MB body, usage at end': { behaviour: jsonOf(30_000_000) },
  'stream with 5 MB single event then usage': stream(
    streamOf(start() + text('x'.repeat(5_000_000)) + count(250) + STOP),
  ),
  'text contains fake usage frame': stream(
    streamOf(start() + text(`\n\nevent: message_delta\ndata: ${fake}\n\n`) + count(250) + STOP),
  ),
};

const LONG = { isLong: true, counted: 22_000 } as const;

/** Of capture 05h, by name. */
export const UNCOUNTED: Readonly<Record<string, Scene>> = {
  'client aborts while waiting for upstream headers (stream)': stream(staysSilent, {
    ...{ ...LONG, leaves: 'unanswered' },
  }),
  'client aborts after headers, before message_start': stream(streamOf('', 'stands'), {
    ...{ ...LONG, leaves: 'unanswered' },
  }),
  'client aborts after a ping only': stream(streamOf(sseEvent('ping', {}), 'stands'), {
    ...{ ...LONG, leaves: left },
  }),
  'client aborts right after message_start': stream(
    streamOf(start().replace('1000', '22000'), 'stands'),
    { ...LONG, leaves: left },
  ),
  'client aborts non-stream before answer': {
    behaviour: staysSilent,
    ...LONG,
    leaves: 'unanswered',
  },
  'client aborts non-stream mid-body': {
    behaviour: (res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write('x'.repeat(1011 * 4));
    },
    ...{ ...LONG, leaves: left },
  },
  'upstream dies after headers before any event': stream(streamOf(': hi\n\n', 'dies'), LONG),
  'stream: error event only': stream(streamOf(ERROR), LONG),
  'text deltas but no message_start': stream(streamOf(TEXT_400 + STOP), LONG),
  'non-stream 200 without usage': { behaviour: bodyOf(112 * 4), ...LONG },
  '302': { behaviour: bare(302, { location: '/elsewhere' }), ...LONG },
  '204': { behaviour: bare(204), ...LONG },
  'non-stream 200 without usage, count_tokens 500': {
    ...{ behaviour: bodyOf(112 * 4), isLong: true, counted: null },
  },
  'non-stream 200 without usage, count_tokens hangs': {
    ...{ behaviour: bodyOf(112 * 4), isLong: true, counted: null },
  },
};
