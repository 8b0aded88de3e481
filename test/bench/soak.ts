// Hours in minutes: a steady mix of what clients do to a gateway in one process, and every few seconds
// a look at what it holds. Fails loudly when memory or descriptors grow. `npm run soak -- --minutes 30`

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openEmbedded } from './hop-candidates.ts';
import { requestBody } from './hop-cases.ts';
import { ROOT } from './hop-tree.ts';
import { startLoader, startModel } from './hop-worker.ts';
import { growthOf, readSamples, type Sample } from './soak-samples.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    clients: { type: 'string', default: '12' },
  },
});

const EVERY_MS = 5_000;
/** Of the run, that counts as warming up. */
const WARM_SHARE = 0.3;
const LIMITS = { rssMb: 0.15, heapMb: 0.15, descriptors: 0.1 };
const DELAY_P99_MAX_MS = 20;

const USUAL = requestBody(87_000);
const BIG = requestBody(2_000_000);

interface World {
  readonly url: string;
  readonly port: number;
  readonly tokens: readonly string[];
  readonly counts: Map<string, number>;
}

type Deed = (world: World, token: string) => Promise<string>;

const ask =
  (path: string, body: string): Deed =>
  async ({ url }, token) => {
    const answer = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
    });
    await answer.arrayBuffer().catch(() => undefined);
    return `${path.split('?')[0]} ${answer.status}`;
  };

const leave: Deed = async ({ url }, token) => {
  const leaving = new AbortController();
  const answer = await fetch(`${url}/v1/messages?as=slow`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: USUAL,
    signal: leaving.signal,
  });
  const reader = answer.body?.getReader();
  await reader?.read();
  leaving.abort();
  await reader?.closed.catch(() => undefined);
  return 'left in the middle';
};

/** A client that dies while it sends. */
const breakOff: Deed = ({ port }, token) =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.write(
        `POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${token}\r\n` +
          `content-length: ${USUAL.length}\r\n\r\n${USUAL.slice(0, 5_000)}`,
      );
      setTimeout(() => socket.resetAndDestroy(), 5);
    });
    socket.on('error', () => undefined).on('close', () => resolve('broken off'));
  });

const MIX: readonly Deed[] = [
  ...Array.from({ length: 10 }, () => ask('/v1/messages', USUAL)),
  ...Array.from({ length: 4 }, () => ask('/v1/messages?as=slow', USUAL)),
  ...Array.from({ length: 3 }, () => ask('/v1/messages/count_tokens', USUAL)),
  ask('/v1/messages', BIG),
  ask('/v1/messages?as=refusal', USUAL),
  ask('/v1/messages?as=fault', USUAL),
  ask('/v1/messages?as=death', USUAL),
  ask('/v1/messages', '{"model":'),
  leave,
  leave,
  breakOff,
];

async function client(world: World, nth: number, until: number): Promise<void> {
  for (let at = nth * 7; performance.now() < until; at += 1) {
    const deed = MIX[at % MIX.length] ?? leave;
    const token = world.tokens[nth % world.tokens.length] ?? '';
    const outcome = await deed(world, token).catch((caught: unknown) => `failed: ${caught}`);
    world.counts.set(outcome, (world.counts.get(outcome) ?? 0) + 1);
    await pause(10);
  }
}

async function soak(): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'tallygate-soak-'));
  opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  const samplesFile = join(folder, 'samples.jsonl');
  const [model, loader] = [opened.use(await startModel()), opened.use(await startLoader())];
  const nodeOptions = `--import=${join(import.meta.dirname, 'soak-probe.ts')}`;
  const candidate = await openEmbedded(
    { modelPort: model.port, folder, opened },
    { name: 'soak', root: ROOT, env: { NODE_OPTIONS: nodeOptions, SOAK_SAMPLES: samplesFile } },
  );
  const { port, tokens } = candidate;
  const world = { url: `http://127.0.0.1:${port}`, port, tokens, counts: new Map() };
  const ms = Number(values.minutes) * 60_000;
  const until = performance.now() + ms;
  const clients = Array.from({ length: Number(values.clients) }, (_, nth) =>
    client(world, nth, until),
  );
  // Beside the mix a steady stream of plain requests, as fast as one connection asks.
  const steady = loader.drive({
    ...{ host: '127.0.0.1', port, path: '/v1/messages', tokens, bodyBytes: 87_000 },
    ...{ concurrency: 1, durationMs: ms, requestsMin: 0 },
  });
  let shown = 0;
  while (performance.now() < until) {
    await pause(Math.min(EVERY_MS, Math.max(0, until - performance.now())));
    const samples = readSamples(readFileSync(samplesFile, 'utf8'));
    for (const sample of samples.slice(shown)) print(sample);
    shown = samples.length;
  }
  await Promise.all(clients);
  const { requests, failed } = await steady;
  // What is still open is closed by now, on both sides.
  await pause(EVERY_MS);
  const samples = readSamples(readFileSync(samplesFile, 'utf8'));
  process.stdout.write(`\n${requests} plain requests (${failed} failed), and of the mix:\n`);
  for (const [outcome, count] of [...world.counts].sort(([a], [b]) => a.localeCompare(b))) {
    process.stdout.write(`  ${String(count).padStart(7)}  ${outcome}\n`);
  }
  judge(samples.slice(Math.floor(samples.length * WARM_SHARE)), failed);
}

function print({ atS, rssMb, heapMb, externalMb, descriptors, delayP99Ms }: Sample): void {
  process.stdout.write(
    `${atS.toFixed(0).padStart(5)} s  rss ${rssMb.toFixed(0)} MB  heap ${heapMb.toFixed(1)} MB  ` +
      `external ${externalMb.toFixed(1)} MB  ${descriptors} descriptors  ` +
      `event loop delay p99 ${delayP99Ms.toFixed(1)} ms\n`,
  );
}

function judge(samples: readonly Sample[], failed: number): void {
  const complaints: string[] = failed > 0 ? [`${failed} plain requests failed`] : [];
  for (const [field, most] of Object.entries(LIMITS)) {
    const { from, to, share } = growthOf(samples, field as keyof typeof LIMITS);
    process.stdout.write(`${field}: ${from.toFixed(1)} → ${to.toFixed(1)}\n`);
    if (share > most) complaints.push(`${field} grows: by ${(share * 100).toFixed(0)} %`);
  }
  const delays = samples.map(({ delayP99Ms }) => delayP99Ms).sort((a, b) => a - b);
  const usualMs = delays[Math.floor(delays.length / 2)] ?? Number.NaN;
  process.stdout.write(`event loop delay p99, median of the samples: ${usualMs.toFixed(1)} ms\n`);
  if (!(usualMs <= DELAY_P99_MAX_MS)) {
    complaints.push(`the event loop is late: p99 ${usualMs.toFixed(1)} ms`);
  }
  for (const complaint of complaints) process.stderr.write(`*** FAILED: ${complaint}\n`);
  if (complaints.length > 0) process.exitCode = 1;
}

await soak();
