// The load of the benchmark, as a process of its own: so many kept-alive connections, each with one
// request at a time, written and read as bytes. An answer that is no success, or ends early, counts as
// failed and nothing else.

import { connect, type Socket } from 'node:net';
import { requestBody } from './hop-cases.ts';

export interface LoadOrder {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Connection n is that of person n, as far as there are people. */
  readonly tokens: readonly string[];
  readonly bodyBytes: number;
  readonly concurrency: number;
  readonly durationMs: number;
  /** Goes on until so many are answered, for ten times as long at most: on a busy machine. */
  readonly requestsMin: number;
}

export interface LoadReport {
  readonly requests: number;
  readonly failed: number;
  /** The first answer that failed, for people. */
  readonly failure: string | null;
  readonly seconds: number;
  /** From the first byte of the request to the first of the answer's body, ms. */
  readonly firstMs: { readonly p50: number; readonly p99: number };
  readonly endMs: { readonly p50: number; readonly p99: number };
}

interface Tally {
  readonly firstMs: number[];
  readonly endMs: number[];
  failed: number;
  failure: string | null;
}

const END = Buffer.from('0\r\n\r\n');

function requestOf(order: LoadOrder, token: string): Buffer {
  const body = requestBody(order.bodyBytes);
  const headers = {
    host: `${order.host}:${order.port}`,
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    accept: 'application/json',
    'user-agent': 'claude-cli/2.1.330 (external, cli)',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14',
    'anthropic-dangerous-direct-browser-access': 'true',
    'x-app': 'cli',
    'x-claude-code-session-id': '11111111-2222-4333-8444-555555555555',
    'x-stainless-lang': 'js',
    'x-stainless-package-version': '0.94.0',
    'x-stainless-os': 'Linux',
    'x-stainless-arch': 'x64',
    'x-stainless-runtime': 'node',
    'x-stainless-runtime-version': 'v26.3.0',
    'x-stainless-retry-count': '0',
    'x-stainless-timeout': '600',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${order.path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** One connection, until `isOver`; resolves when its last answer is there. */
function drive(
  order: LoadOrder,
  request: Buffer,
  isOver: () => boolean,
  tally: Tally,
): Promise<void> {
  return new Promise((resolve) => {
    let socket: Socket;
    let startedAt = 0;
    let head = '';
    let isHead = true;
    let missing = -1;
    let hasBody = false;
    let tail: Buffer = Buffer.alloc(0);

    function ask(): void {
      if (isOver()) {
        socket.destroy();
        resolve();
        return;
      }
      [head, isHead, missing, hasBody] = ['', true, -1, false];
      tail = Buffer.alloc(0);
      startedAt = performance.now();
      socket.write(request);
    }

    function fail(why: string): void {
      tally.failed += 1;
      tally.failure ??= why;
      socket.destroy();
      // A hop that refuses everything must not be asked as fast as it can refuse.
      if (isOver()) resolve();
      else setTimeout(open, 20);
    }

    function onBody(chunk: Buffer): void {
      const at = performance.now();
      if (!hasBody) tally.firstMs.push(at - startedAt);
      hasBody = true;
      let isDone: boolean;
      if (missing >= 0) {
        missing -= chunk.length;
        isDone = missing <= 0;
      } else {
        tail = chunk.length >= 5 ? chunk.subarray(-5) : Buffer.concat([tail, chunk]).subarray(-5);
        isDone = tail.equals(END);
      }
      if (!isDone) return;
      tally.endMs.push(at - startedAt);
      ask();
    }

    function onData(chunk: Buffer): void {
      if (!isHead) {
        onBody(chunk);
        return;
      }
      const end = chunk.indexOf('\r\n\r\n');
      head += chunk.toString('latin1', 0, end < 0 ? chunk.length : end + 2);
      if (end < 0) return;
      isHead = false;
      if (!head.startsWith('HTTP/1.1 200')) {
        fail(chunk.toString('latin1', 0, 600));
        return;
      }
      missing = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? -1);
      if (end + 4 < chunk.length) onBody(chunk.subarray(end + 4));
    }

    function open(): void {
      socket = connect({ host: order.host, port: order.port, noDelay: true }, ask);
      socket.on('data', onData);
      socket.on('error', (error) => fail(error.message));
      // A connection that is closed between two answers, or in the middle of one.
      socket.on('end', () => fail('the connection was closed'));
    }
    open();
  });
}

export async function load(order: LoadOrder): Promise<LoadReport> {
  const tally: Tally = { firstMs: [], endMs: [], failed: 0, failure: null };
  const startedAt = performance.now();
  const isOver = () => {
    const passedMs = performance.now() - startedAt;
    const isEnough = tally.endMs.length >= order.requestsMin || passedMs > 10 * order.durationMs;
    return passedMs >= order.durationMs && isEnough;
  };
  const requests = order.tokens.map((token) => requestOf(order, token));
  const driven = Array.from({ length: order.concurrency }, (_, nth) =>
    drive(order, requests[nth % requests.length] ?? Buffer.alloc(0), isOver, tally),
  );
  await Promise.all(driven);
  return {
    requests: tally.endMs.length,
    failed: tally.failed,
    failure: tally.failure,
    seconds: (performance.now() - startedAt) / 1000,
    firstMs: shares(tally.firstMs),
    endMs: shares(tally.endMs),
  };
}

function shares(values: number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

if (import.meta.main) {
  process.on('message', async (order: LoadOrder) => process.send?.(await load(order)));
  process.on('disconnect', () => process.exit());
  process.send?.({});
}
