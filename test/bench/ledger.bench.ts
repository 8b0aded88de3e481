// How many usage events per second a ledger records, in batches as the control plane makes them, by
// one writer and by several. Every database syncs to disk. Run by hand: node test/bench/ledger.bench.ts
// [events]; another adapter is one more candidate.

import { randomUUIDv7 } from 'node:crypto';
import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import { systemClock } from '#shared/domain/clock.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { Found } from '../support/needed.ts';
import { databaseAt } from '../support/postgres-instance.ts';
import { findPostgres, startPostgres } from '../support/servers/postgres.ts';
import { temporaryDatabase } from '../support/sqlite-instance.ts';
import { usageEvent } from '../support/usage-event.ts';

interface Candidate {
  readonly name: string;
  /** Events per second that it is built for. */
  readonly target: number;
  readonly found: Found;
  /** On an empty database; what it opens is closed by the stack. */
  open(opened: AsyncDisposableStack): Promise<Ledger>;
}

const CANDIDATES: readonly Candidate[] = [
  {
    name: 'SQLite',
    target: 10_000,
    found: { available: true },
    async open(opened) {
      const file = opened.use(temporaryDatabase());
      return opened.use(openSqliteLedger(opened.use(await openSqliteDatabase(file.path))));
    },
  },
  {
    name: 'PostgreSQL',
    target: 5000,
    found: findPostgres(),
    async open(opened) {
      const found = findPostgres();
      const program = found.available ? found.program : '';
      const server = opened.use(await startPostgres(program, { fsync: true }));
      return opened.use(openPostgresLedger(opened.use(await databaseAt(server.url))));
    },
  },
];

const BATCH = 100;
const PEOPLE = 200;
const WRITERS = [1, 4];
const WARM_UP = 2000;
const DAY_MS = 86_400_000;
const MODELS = ['claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-opus-4-5'];

async function measure(candidate: Candidate, count: number): Promise<void> {
  const { name, target, found } = candidate;
  if (!found.available) return print([name, '-', '-', '-', '-', found.reason]);
  for (const writers of WRITERS) {
    await using opened = new AsyncDisposableStack();
    const ledger = await candidate.open(opened);
    await recordAll(ledger, events(WARM_UP), writers);
    const batches = events(count);
    const startedMs = performance.now();
    const tookMs = (await recordAll(ledger, batches, writers)).sort((a, b) => a - b);
    const perSecond = Math.round((count / (performance.now() - startedMs)) * 1000);
    const at = (share: number) => (tookMs[Math.floor(tookMs.length * share)] ?? 0).toFixed(1);
    const verdict = `${perSecond >= target ? 'above' : 'BELOW'} ${target}`;
    print([name, `${writers}`, `${perSecond}`, at(0.5), at(0.99), verdict]);
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
function events(count: number): UsageEvent[][] {
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
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, nth) =>
    all.slice(nth * BATCH, (nth + 1) * BATCH),
  );
}

function print(cells: readonly string[]): void {
  const widths = [12, 8, 10, 14, 14, 0];
  process.stdout.write(`${cells.map((cell, nth) => cell.padEnd(widths[nth] ?? 0)).join('')}\n`);
}

const count = Number(process.argv[2] ?? 20_000);
print(['ledger', 'writers', 'events/s', 'p50 ms/batch', 'p99 ms/batch', 'target events/s']);
for (const candidate of CANDIDATES) await measure(candidate, count);
