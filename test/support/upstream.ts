// A model upstream that does what a test says: speaks the Messages API (streams, JSON, counting), or
// refuses, dawdles, breaks off. It also answers on Vertex's paths, and keeps what it saw.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The client's connection, to tell a kept-alive one from a new one. */
  readonly clientPort: number;
  /** Resolves when the asker goes away before the answer has ended. */
  readonly left: Promise<void>;
}

export type Behaviour = (res: ServerResponse, seen: SeenRequest) => void | Promise<void>;

export interface FakeUpstream extends AsyncDisposable {
  readonly url: string;
  /** Every request, counting included, in the order of arrival. */
  readonly seen: SeenRequest[];
  /** What /v1/messages (and Vertex's rawPredict) answer from now on. */
  behave(behaviour: Behaviour): void;
  /** What counting answers from now on; default 42 tokens. */
  count(behaviour: Behaviour): void;
  /** The next request that has not been waited for, counting included. */
  next(): Promise<SeenRequest>;
}

export interface AnswerOptions {
  readonly text?: string;
  readonly usage?: Readonly<Record<string, unknown>>;
  readonly outputTokens?: number;
}

const USAGE = {
  input_tokens: 1000,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 1,
};

export function sseEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** The events of a whole answer, one delta for each word. */
export function answerEvents({ text, usage, outputTokens = 20 }: AnswerOptions = {}): string[] {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [] };
  const words = (text ?? 'Hello from the upstream').match(/\S+\s*/g) ?? [];
  return [
    sseEvent('message_start', { message: { ...message, usage: { ...USAGE, ...usage } } }),
    sseEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...words.map((word) =>
      sseEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text: word } }),
    ),
    sseEvent('content_block_stop', { index: 0 }),
    sseEvent('message_delta', {
      delta: { stop_reason: 'end_turn' },
      usage: { output_tokens: outputTokens },
    }),
    sseEvent('message_stop', {}),
  ];
}

export function startStream(res: ServerResponse): void {
  res.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'request-id': 'req_upstream_1',
    'set-cookie': 'upstream=1',
    server: 'upstream',
    'anthropic-ratelimit-requests-limit': '1',
    'anthropic-organization-id': 'org_1',
  });
}

export function streams(options: AnswerOptions = {}): Behaviour {
  return (res) => {
    startStream(res);
    for (const event of answerEvents(options)) res.write(event);
    res.end();
  };
}

/** Sends headers and so many events, then stands still; `then` goes on when it is released. */
export function pausesAfter(count: number, then?: (res: ServerResponse) => void): Behaviour {
  return (res) => {
    startStream(res);
    res.flushHeaders();
    for (const event of answerEvents().slice(0, count)) res.write(event);
    then?.(res);
  };
}

export function answers({ text, usage, outputTokens = 20 }: AnswerOptions = {}): Behaviour {
  return (res) => {
    const body = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: text ?? 'Hello' }],
      usage: { ...USAGE, output_tokens: outputTokens, ...usage },
    };
    sendJson(res, 200, body, { 'request-id': 'req_upstream_1' });
  };
}

export function refuses(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: unknown = { type: 'error', error: { type: 'some_error', message: `${status} from it` } },
): Behaviour {
  return (res) => sendJson(res, status, body, headers);
}

/** Closes the connection without an answer. */
export const resets: Behaviour = (res) => {
  (res.socket as Socket).resetAndDestroy();
};

/** Never answers. */
export const staysSilent: Behaviour = () => undefined;

export function sendJson(
  res: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(body);
}

/** Streams or answers whole, as the request asks. */
const asAsked: Behaviour = (res, seen) => (isStream(seen) ? streams() : answers())(res, seen);

function isStream({ path, body }: SeenRequest): boolean {
  return path.includes(':streamRawPredict') || /"stream":\s*true/.test(body);
}

export async function openFakeUpstream(): Promise<FakeUpstream> {
  let behaviour: Behaviour = asAsked;
  let counting: Behaviour = refusesNothing;
  const seen: SeenRequest[] = [];
  const unread: SeenRequest[] = [];
  const waiting: ((request: SeenRequest) => void)[] = [];
  const server = createServer(async (req, res) => {
    const left = Promise.withResolvers<void>();
    res.once('close', () => {
      if (!res.writableFinished) left.resolve();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const request: SeenRequest = {
      method: req.method ?? '',
      path: req.url ?? '',
      headers: req.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      clientPort: req.socket.remotePort ?? 0,
      left: left.promise,
    };
    seen.push(request);
    const waiter = waiting.shift();
    if (waiter === undefined) unread.push(request);
    else waiter(request);
    const isCount = /\/count_tokens|\/count-tokens/.test(request.path);
    await (isCount ? counting : behaviour)(res, request);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    behave: (next) => {
      behaviour = next;
    },
    count: (next) => {
      counting = next;
    },
    next() {
      const first = unread.shift();
      if (first !== undefined) return Promise.resolve(first);
      return new Promise((resolve) => waiting.push(resolve));
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const refusesNothing: Behaviour = (res) => sendJson(res, 200, { input_tokens: 42 });
