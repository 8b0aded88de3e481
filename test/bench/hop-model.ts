// The model of the benchmark, as a process of its own: one TCP server that knows as much of HTTP as it
// needs, so that it costs a fraction of what it measures. It reads a body by its length and answers
// every request the same way, as it was told last. `?as=` in the path asks for another answer (soak).

import { type AddressInfo, createServer, type Socket } from 'node:net';
import { answerEvents } from '../support/upstream.ts';

export interface ModelOrder {
  readonly events: number;
  readonly gapMs: number;
}

const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n' +
  'request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n';
const END = '0\r\n\r\n';

let order: ModelOrder = { events: 40, gapMs: 0 };
let parts: Buffer[] = [];
let whole: Buffer = Buffer.alloc(0);

function obey(wanted: ModelOrder): void {
  order = wanted;
  // All but the deltas are five.
  const events = answerEvents({ text: 'word '.repeat(order.events - 5), outputTokens: 40 });
  const chunks = events.map((text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  parts = [HEAD, ...chunks.slice(0, -1), `${chunks.at(-1)}${END}`].map((text) => Buffer.from(text));
  whole = Buffer.concat(parts);
}

function json(status: string, body: object): string {
  const text = JSON.stringify(body);
  return (
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n` +
    `content-length: ${text.length}\r\n\r\n${text}`
  );
}

const ERROR = { type: 'error', error: { type: 'api_error', message: 'as asked' } };

function answer(socket: Socket, path: string): void {
  if (path.includes('count_tokens')) return void socket.write(json('200 OK', { input_tokens: 42 }));
  const as = /[?&]as=(\w+)/.exec(path)?.[1];
  if (as === 'refusal') return void socket.write(json('400 Bad Request', ERROR));
  if (as === 'fault') return void socket.write(json('500 Internal Server Error', ERROR));
  if (as === 'death') return void socket.end(Buffer.concat(parts.slice(0, 8)));
  if (order.gapMs === 0 && as !== 'slow') return void socket.write(whole);
  let next = 0;
  const step = () => {
    const part = parts[next];
    next += 1;
    if (part === undefined || socket.destroyed) clearInterval(timer);
    // The head comes with the first event, as a real model's does.
    else socket.write(part);
  };
  const timer = setInterval(step, as === 'slow' ? 20 : order.gapMs);
  step();
  step();
}

function serve(socket: Socket): void {
  let path = '';
  let head = '';
  let missing = -1;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    let got = chunk.length;
    if (missing < 0) {
      const end = chunk.indexOf('\r\n\r\n');
      head += chunk.toString('latin1', 0, end < 0 ? chunk.length : end + 2);
      if (end < 0) return;
      path = head.split(' ', 2)[1] ?? '';
      missing = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      head = '';
      got = chunk.length - end - 4;
    }
    missing -= got;
    if (missing > 0) return;
    missing = -1;
    answer(socket, path);
  });
}

if (import.meta.main) {
  obey(order);
  process.on('message', (wanted: ModelOrder) => {
    obey(wanted);
    process.send?.({});
  });
  process.on('disconnect', () => process.exit());
  const server = createServer(serve).listen(0, '127.0.0.1', 4096, () =>
    process.send?.({ port: (server.address() as AddressInfo).port }),
  );
}
