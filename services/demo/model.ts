// The demo model: speaks the Messages API well enough for Claude Code, says the same few sentences to
// everybody, and counts four characters as a token. It stands where a real model would cost money.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DemoModelOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Pause between two words of a stream. */
  readonly wordMs: number;
}

export interface DemoModel extends AsyncDisposable {
  readonly url: string;
}

interface MessagesRequest {
  readonly model?: unknown;
  readonly stream?: unknown;
}

const ANSWER =
  'Hello from the demo model behind Tallygate. I am a stand-in that always says this, but everything ' +
  'around me is real: you signed in with OpenID Connect, your session was verified, your policy and ' +
  'your spending cap were checked, and what this answer cost is in the ledger now.';

export async function openDemoModel(options: DemoModelOptions): Promise<DemoModel> {
  const server = createServer((req, res) => {
    answer(req, res, options.wordMs).catch(() => res.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, wordMs: number): Promise<void> {
  const body = await readText(req);
  const path = (req.url ?? '').split('?')[0];
  const inputTokens = Math.ceil(body.length / 4);
  if (path === '/v1/messages/count_tokens') return send(res, 200, { input_tokens: inputTokens });
  if (path !== '/v1/messages') return send(res, 404, failure('not_found_error', 'no such path'));
  const request = parse(body);
  if (request === null) return send(res, 400, failure('invalid_request_error', 'invalid JSON'));
  const message = startOf(String(request.model), inputTokens);
  if (request.stream !== true) return send(res, 200, whole(message));
  await stream(res, message, wordMs);
}

async function stream(
  res: ServerResponse,
  message: ReturnType<typeof startOf>,
  wordMs: number,
): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const event = (type: string, fields: object) =>
    res.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  event('message_start', { message });
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  for (const text of ANSWER.match(/\S+\s*/g) ?? []) {
    if (res.destroyed) return;
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
    await new Promise((resolve) => setTimeout(resolve, wordMs));
  }
  event('content_block_stop', { index: 0 });
  event('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: Math.ceil(ANSWER.length / 4) },
  });
  event('message_stop', {});
  res.end();
}

function startOf(model: string, inputTokens: number) {
  return {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [] as object[],
    stop_reason: null as string | null,
    stop_sequence: null,
    usage: {
      input_tokens: inputTokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 1,
    },
  };
}

function whole(message: ReturnType<typeof startOf>): object {
  const usage = { ...message.usage, output_tokens: Math.ceil(ANSWER.length / 4) };
  return { ...message, content: [{ type: 'text', text: ANSWER }], stop_reason: 'end_turn', usage };
}

function failure(type: string, message: string): object {
  return { type: 'error', error: { type, message } };
}

function parse(body: string): MessagesRequest | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function send(res: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
