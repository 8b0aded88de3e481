// How many usage events per second a ledger records: in batches as the control plane makes them beside a
// data plane, and alone with a backlog; by one writer and by several. `npm run bench:ledger`, or node
// test/bench/ledger.bench.ts [events].

import { randomUUIDv7 } from 'node:crypto';
import { systemClock } from '#shared/domain/clock.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { usageEvent } from '../support/usage-event.ts';
import { FIRESTORE, type LedgerCandidate, POSTGRES, SQLITE } from './ledger-candidates.ts';

const CANDIDATES = [SQLITE, POSTGRES, FIRESTORE];
const PEOPLE = 200;
const CASES = [
  { writers: 1, batch: 100 },
  { writers: 1, batch: 400 },
  { writers: 4, batch: 100 },
];
const WARM_UP = 2000;
const DAY_MS = 86_400_000;
const MODELS = ['claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-opus-4-5'];

async function measure(candidate: LedgerCandidate, count: number): Promise<void> {
  const { name, target, found } = candidate;
  if (!found.available) return print([name, '-', '-', '-', '-', '-', found.reason]);
  for (const { writers, batch } of CASES) {
    await using opened = new AsyncDisposableStack();
    const { ledger } = await candidate.open(opened);
    await recordAll(ledger, events(WARM_UP, batch), writers);
    const batches = events(count, batch);
    const startedMs = performance.now();
    const tookMs = (await recordAll(ledger, batches, writers)).sort((a, b) => a - b);
    const perSecond = Math.round((count / (performance.now() - startedMs)) * 1000);
    const at = (share: number) => (tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(1);
    const verdict = target === null ? '-' : `${perSecond >= target ? 'above' : 'BELOW'} ${target}`;
    print([name, `${writers}`, `${batch}`, `${perSecond}`, at(0.5), at(0.99), verdict]);
  }
}

/** Each writer takes the next batch when it is done with one. Answers what each batch took, in ms. */
async function recordAll(
  ledger: Ledger,
  batches: readonly (readonly UsageEvent[])[],
  writers: number,
): Promise<number[]> {
  const left = [...batches];
  const tookMs: number[] = [];
  const write = async () => {
    for (let batch = left.shift(); batch !== undefined; batch = left.shift()) {
      const startedMs = performance.now();
      const { recorded } = await ledger.record(batch);
      if (recorded.length !== batch.length) throw new Error('an event was not recorded');
      tookMs.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return tookMs;
}

/** Of today, over 200 people in 20 groups, three models, sizes and costs that differ. */
function events(count: number, batch: number): UsageEvent[][] {
  const midnightMs = Math.floor(systemClock.now() / DAY_MS) * DAY_MS;
  const all = Array.from({ length: count }, (_, nth) => {
    // A large prime apart: neighbours in a batch are different people.
    const person = (nth * 7919) % PEOPLE;
    const outputTokens = 50 + ((nth * 37) % 4000);
    return usageEvent({
      id: randomUUIDv7(),
      timeMs: midnightMs + (nth % DAY_MS),
      sub: `person-${person}`,
      email: `person-${person}@example.com`,
      groups: ['engineering', `team-${person % 20}`],
      billingGroup: `team-${person % 20}`,
      sessionId: `session-${person}-${Math.floor(nth / 1000)}`,
      servedModel: MODELS[nth % MODELS.length] ?? '',
      usage: { inputTokens: 12, outputTokens, cacheReadTokens: 40_000, cacheWrite5mTokens: 900 },
      costMicroUsd: 15_000 + outputTokens * 15,
      requestId: `req_${nth}`,
    });
  });
  return Array.from({ length: Math.ceil(count / batch) }, (_, nth) =>
    all.slice(nth * batch, (nth + 1) * batch),
  );
}

function print(cells: readonly string[]): void {
  const widths = [22, 8, 8, 10, 14, 14, 0];
  process.stdout.write(`${cells.map((cell, nth) => cell.padEnd(widths[nth] ?? 0)).join('')}\n`);
}

const count = Number(process.argv[2] ?? 20_000);
print([
  'ledger',
  'writers',
  'batch',
  'events/s',
  'p50 ms/batch',
  'p99 ms/batch',
  'target events/s',
]);
for (const candidate of CANDIDATES) await measure(candidate, count);
