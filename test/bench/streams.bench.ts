// A thousand streams through one gateway, each with a prompt of 87 KB and an event four times a second:
// what they weigh above an idle gateway, whether one holds up another, and what is left when half of
// their clients go. Gateway, model and clients are three processes. `npm run bench:streams [streams]`

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { createGatewayHome, gatewayYaml, mintSession, startGateway } from '../support/gateway.ts';
import { untilTrue } from '../support/until.ts';
import { type Inspector, type LiveMemory, openInspector } from './process-memory.ts';
import { openSlowStream, type SlowStream } from './slow-streams.ts';
import type { UpstreamCounts, UpstreamOrder } from './streams-upstream.ts';

const STREAMS = Number(process.argv[2] ?? 1_000);
const BODY_BYTES = 87 * 1024;
const WARM_UP = 100;
/** So many begin at once. */
const OPENING = 50;
const WATCHED_MS = 10_000;
const TARGET_KIB = 100;
const GAP_TARGET_MS = 1_000;

const BODY = bodyOf(BODY_BYTES);

/** Many messages, as a long session has them. */
function bodyOf(bytes: number): string {
  const content = 'What a session says and what its tools answer, of some length. '.repeat(12);
  const messages = [];
  while (messages.length * (content.length + 32) < bytes) messages.push({ role: 'user', content });
  return JSON.stringify({ model: 'claude-opus-4-8', max_tokens: 64, stream: true, messages });
}

async function openUpstream() {
  const child: ChildProcess = fork(new URL('./streams-upstream.ts', import.meta.url));
  const [port] = (await once(child, 'message')) as [number];
  const order = (what: UpstreamOrder) => child.send(what);
  return {
    url: `http://127.0.0.1:${port}`,
    async counts(): Promise<UpstreamCounts> {
      order('count');
      const [counts] = await once(child, 'message');
      return counts as UpstreamCounts;
    },
    finish: () => void order('finish'),
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
    },
  };
}

function print(cells: readonly (string | number)[]): void {
  const [name = '', ...rest] = cells.map(String);
  process.stdout.write(`${name.padEnd(28)}${rest.map((cell) => cell.padStart(14)).join('')}\n`);
}

interface Weight {
  readonly seen: number;
  readonly live: LiveMemory;
}

/** The lowest of some seconds, then without garbage. */
async function weigh(inspector: Inspector): Promise<Weight> {
  let seen = await inspector.resident();
  for (let second = 0; second < 10; second += 1) {
    await pause(1_000);
    seen = Math.min(seen, await inspector.resident());
  }
  return { seen, live: await inspector.live() };
}

function row(name: string, streams: number, { seen, live }: Weight, idle: Weight): void {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  const each = streams === 0 ? null : eachOf({ seen, live }, idle, streams);
  const kib = (weight: number | undefined) => weight?.toFixed(1) ?? '';
  const columns = [mb(live.rss), kib(each?.live), mb(live.heap), mb(live.buffers)];
  print([name, streams, mb(seen), kib(each?.seen), ...columns]);
}

/** KiB above idle that each stream takes. */
function eachOf({ seen, live }: Weight, idle: Weight, streams: number) {
  return {
    seen: (seen - idle.seen) / 1024 / streams,
    live: (live.rss - idle.live.rss) / 1024 / streams,
  };
}

function verdict(what: string, isMet: boolean): void {
  if (!isMet) process.exitCode = 1;
  process.stdout.write(`${isMet ? 'within' : 'ABOVE '} ${what}\n`);
}

interface Gaps {
  /** Of the stream that waited longest. */
  readonly worstMs: number;
  /** Of most: what all of them wait for is the machine. */
  readonly medianMs: number;
  /** How late this process itself was, which is no fault of the gateway. */
  readonly oursMs: number;
}

async function watch(streams: readonly SlowStream[]): Promise<Gaps> {
  const ours = monitorEventLoopDelay({ resolution: 5 });
  ours.enable();
  for (const stream of streams) stream.resetGaps();
  await pause(WATCHED_MS);
  const worst = streams.map(({ worstGapMs }) => worstGapMs).toSorted((a, b) => a - b);
  return {
    worstMs: worst.at(-1) ?? 0,
    medianMs: worst[worst.length >> 1] ?? 0,
    oursMs: ours.max / 1e6,
  };
}

async function bench(): Promise<void> {
  await using upstream = await openUpstream();
  await using home = await createGatewayHome(gatewayYaml({ upstreamUrl: upstream.url }));
  await using gateway = await startGateway(home, {
    NODE_OPTIONS: `--inspect=127.0.0.1:0 ${process.env['NODE_OPTIONS'] ?? ''}`,
  });
  using inspector = await openInspector(gateway.output(), gateway.pid);
  const token = await mintSession(gateway.url, 'bench');
  const open = () => openSlowStream({ url: gateway.url, token, body: BODY });

  const warm = await Promise.all(Array.from({ length: WARM_UP }, open));
  upstream.finish();
  await Promise.all(warm.map(({ ended }) => ended));
  const idle = await weigh(inspector);
  process.stdout.write(`\n${STREAMS} streams, ${BODY.length} bytes of prompt, 4 events a second\n`);
  const titles = ['RSS MB', 'KiB/stream', 'live: RSS', 'KiB/stream', 'heap MB', 'buffers MB'];
  print(['', 'streams', ...titles]);
  row('idle', 0, idle, idle);

  const streams: SlowStream[] = [];
  while (streams.length < STREAMS) {
    const wanted = Math.min(OPENING, STREAMS - streams.length);
    streams.push(...(await Promise.all(Array.from({ length: wanted }, open))));
  }
  const cpuBefore = await inspector.cpuMs();
  const gaps = await watch(streams);
  const cpu = ((await inspector.cpuMs()) - cpuBefore) / WATCHED_MS;
  const full = await weigh(inspector);
  row('streaming', STREAMS, full, idle);

  const left = streams.splice(0, STREAMS / 2);
  for (const stream of left) stream.abort();
  const toldMs = performance.now();
  await untilTrue(async () => ((await upstream.counts()).streams <= streams.length ? true : null));
  const freedMs = performance.now() - toldMs;
  const halfGaps = await watch(streams);
  const half = await weigh(inspector);
  row('half of them left', streams.length, half, idle);
  const { connections } = await upstream.counts();

  upstream.finish();
  const ends = await Promise.all(streams.map(({ ended }) => ended));
  const after = await weigh(inspector);
  row('all ended', 0, after, idle);

  process.stdout.write('\n');
  const each = eachOf(full, idle, STREAMS);
  const most = Math.max(each.seen, each.live);
  verdict(`${TARGET_KIB} KiB a stream: ${most.toFixed(1)}`, most <= TARGET_KIB);
  for (const [whose, { worstMs, medianMs, oursMs }] of [
    ['all', gaps],
    ['the other half', halfGaps],
  ] as const) {
    const what = `${worstMs.toFixed(0)} (median ${medianMs.toFixed(0)}, clients' own ${oursMs.toFixed(0)})`;
    const isMet = worstMs - oursMs <= GAP_TARGET_MS;
    verdict(`${GAP_TARGET_MS} ms between two events of ${whose}: ${what}`, isMet);
  }
  const heapOf = ({ live }: Weight) => (live.heap - idle.live.heap) / 1e6;
  const [fullMb, halfMb, afterMb] = [heapOf(full), heapOf(half), heapOf(after)];
  const heaps = `${fullMb.toFixed(1)}, ${halfMb.toFixed(1)}, ${afterMb.toFixed(1)} MB`;
  const isFreed = halfMb <= fullMb * 0.6 && afterMb <= fullMb * 0.1;
  verdict(`what all, half and none of them hold in the heap: ${heaps}`, isFreed);
  verdict(`a second until the upstream has lost half: ${freedMs.toFixed(0)} ms`, freedMs <= 1_000);
  verdict(`one connection a stream: ${connections}`, connections <= streams.length);
  const whole = ends.filter((tail) => tail.includes('message_stop')).length;
  verdict(`every stream that stayed is whole: ${whole}`, whole === streams.length);
  process.stdout.write(`${(cpu * 100).toFixed(1)} % of a core while streaming\n`);
}

await bench();
