// An answer in AWS's binary event stream as server-sent events of Anthropic's: each message's payload is
// one of Anthropic's events in base64, and passes as it is but for the figures that Bedrock adds to the
// last one. Exceptions become error events, which the relay then puts in our words.
//
// Cost: one write for each chunk of the upstream; of an event only the wrapping is parsed.

import type { IncomingHttpHeaders } from 'node:http';
import { EventStreamCodec } from '@smithy/eventstream-codec';
import type { Sink } from '../attempt.ts';
import { parseJson } from '../meter.ts';
import { spliceBody } from '../splice.ts';
import { scanTopLevel } from '../top-level-scanner.ts';
import { isObject } from '../usage-counts.ts';
import { EventStreamFrames } from './aws-frames.ts';
import type { Translation } from './upstream.ts';

const CONTENT_TYPE = 'application/vnd.amazon.eventstream';
const METRICS = 'amazon-bedrock-invocationMetrics';
const WANTED: ReadonlySet<string> = new Set(['type', METRICS]);
const TYPE_BYTES_MAX = 128;
const PLAIN = /^\{"type":"([a-z0-9_]{1,64})"[,}]/;
const PLAIN_BYTES = 80;
const EVENT_NAME = /^"([a-z0-9_]{1,64})"$/;

/** Exceptions within a stream as HTTP statuses; Bedrock API reference, ResponseStream. */
const STATUSES: Readonly<Record<string, number>> = {
  throttlingexception: 429,
  servicequotaexceededexception: 429,
  modelnotreadyexception: 429,
  validationexception: 400,
  accessdeniedexception: 403,
  resourcenotfoundexception: 404,
  modeltimeoutexception: 504,
  serviceunavailableexception: 529,
};

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString('utf8'),
  (text) => Buffer.from(text, 'utf8'),
);
type Message = ReturnType<typeof codec.decode>;

/** Null: the answer is no such stream. */
export function translateEventStream(headers: IncomingHttpHeaders): Translation | null {
  if (!(headers['content-type'] ?? '').startsWith(CONTENT_TYPE)) return null;
  const { 'content-length': _length, ...others } = headers;
  return { headers: { ...others, 'content-type': 'text/event-stream' }, open };
}

function open(sink: Sink): Sink {
  let isOver = false;
  let events: Buffer[] = [];
  const frames = new EventStreamFrames((bytes) => events.push(...sseOf(codec.decode(bytes))));

  /** What is whole goes on even when what follows it cannot be read. */
  function handOn(): boolean {
    const bytes = Buffer.concat(events);
    events = [];
    return bytes.length === 0 || sink.onData(bytes);
  }

  function die(cause: unknown): void {
    isOver = true;
    const reason = cause instanceof Error ? cause : new Error(String(cause));
    sink.onDied(new Error('the event stream cannot be read', { cause: reason }));
  }

  return {
    onData(chunk) {
      if (isOver) return true;
      try {
        frames.push(chunk);
        return handOn();
      } catch (cause) {
        const isReady = handOn();
        die(cause);
        return isReady;
      }
    },
    onEnd() {
      if (isOver) return;
      if (frames.isWithin()) die('it ended within a message');
      else sink.onEnd();
    },
    onDied(reason) {
      if (!isOver) sink.onDied(reason);
    },
  };
}

/** Nothing for messages that mean nothing to a client. */
function sseOf({ headers, body }: Message): Buffer[] {
  const kind = textHeader(headers, ':message-type');
  if (kind === 'exception') return [errorOf(textHeader(headers, ':exception-type'), body)];
  if (kind === 'error') {
    const message = JSON.stringify({ message: textHeader(headers, ':error-message') });
    return [errorOf(textHeader(headers, ':error-code'), Buffer.from(message))];
  }
  if (textHeader(headers, ':event-type') !== 'chunk') return [];
  const payload = parseJson(Buffer.from(body).toString());
  const bytes = isObject(payload) ? payload['bytes'] : null;
  if (typeof bytes !== 'string') throw new Error('a chunk without bytes');
  return eventOf(Buffer.from(bytes, 'base64'));
}

function eventOf(json: Buffer): Buffer[] {
  // As Bedrock writes nearly all of them: the type in front, and nothing to be cut.
  const plain = json.includes(METRICS) ? null : PLAIN.exec(json.toString('latin1', 0, PLAIN_BYTES));
  if (plain !== null) return [Buffer.from(`event: ${plain[1]}\ndata: `), oneLine([json]), END];
  const scanned = scanTopLevel([json], WANTED, TYPE_BYTES_MAX);
  if (scanned.outcome !== 'object') return [Buffer.from('data: '), oneLine([json]), END];
  const raw = scanned.members.find(({ key }) => key === 'type')?.raw ?? '';
  const name = EVENT_NAME.exec(raw)?.[1];
  const start = name === undefined ? 'data: ' : `event: ${name}\ndata: `;
  const parts = spliceBody([json], scanned, { drop: [METRICS] });
  return [Buffer.from(start), oneLine(parts), END];
}

const END = Buffer.from('\n\n');
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** JSON has line breaks only between its tokens, where they mean nothing; in an event they would. */
function oneLine(parts: readonly Buffer[]): Buffer {
  const [first] = parts;
  const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
  const isOne = !bytes.includes(NEWLINE) && !bytes.includes(RETURN);
  return isOne ? bytes : (bytes.filter((byte) => byte !== NEWLINE && byte !== RETURN) as Buffer);
}

/** In a cloud's own shape, which `translateCloudStreamError` reads and the log quotes. */
function errorOf(name: string, body: Uint8Array): Buffer {
  const said = parseJson(Buffer.from(body).toString());
  const { message, originalStatusCode } = isObject(said) ? said : {};
  const own = STATUSES[name.toLowerCase()];
  const code = own ?? (typeof originalStatusCode === 'number' ? originalStatusCode : 500);
  const text = typeof message === 'string' ? message : '';
  const error = { code, status: name, message: text };
  return Buffer.from(`event: error\ndata: ${JSON.stringify({ error })}\n\n`);
}

function textHeader(headers: Message['headers'], name: string): string {
  const value = headers[name]?.value;
  return typeof value === 'string' ? value : '';
}
