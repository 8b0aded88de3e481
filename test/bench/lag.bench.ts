// From the end of a response to the quota counter: how long usage takes through settle, bus, ledger and
// apply, at 200 requests a second. `npm run bench:ledger` runs it after the ledgers themselves.

import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { userAccount } from '#shared/domain/account.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import { encodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createNotice } from '../../services/control-plane/alerts/notice.ts';
import { createUsageIngest } from '../../services/control-plane/usage/ingest.ts';
import { handOver } from '../../services/data-plane/hand-over.ts';
import { createMemoryLog } from '../support/log.ts';
import { usageEvent } from '../support/usage-event.ts';
import { LAG_CANDIDATES, type LagParts } from './lag-candidates.ts';

const PER_SECOND = 200;
const SECONDS = 10;
/** Not counted: the emulators run on a JVM that is slow at first. */
const WARM_UP = 5 * PER_SECOND;
const PEOPLE = 100;
const BATCH_MAX = 100;
const IN_FLIGHT_MAX = 500;

/** The store, with the instants at which ids were applied. */
function timed(quota: QuotaStore, appliedAt: Map<string, number>): QuotaStore {
  return {
    ...quota,
    async apply(ids, uncounted) {
      await quota.apply(ids, uncounted);
      for (const id of ids) appliedAt.set(id, performance.now());
    },
  };
}

async function measure({ quota, bus, ledger, admin }: LagParts): Promise<number[]> {
  const log = createMemoryLog();
  const endedAt = new Map<string, number>();
  const appliedAt = new Map<string, number>();
  const book = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });
  const notice = createNotice({
    ...{ bus, ledger, admin, quota, log, clock: systemClock },
    settings: () => ({ thresholds: [50, 75, 90, 100], groupLimitMode: 'min' }),
  });
  const ingest = createUsageIngest({
    ...{ ledger, admin, notice, log },
    quota: timed(quota, appliedAt),
    priceBook: () => book,
  });
  await using _subscription = bus.subscribe({
    topic: 'usage.v1',
    batchMax: BATCH_MAX,
    inFlightMax: IN_FLIGHT_MAX,
    handle: ingest,
  });
  const startedMs = performance.now();
  const handing: Promise<unknown>[] = [];
  for (let nth = 0; nth < WARM_UP + PER_SECOND * SECONDS; nth += 1) {
    const dueMs = startedMs + (nth * 1000) / PER_SECOND;
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 0) await pause(earlyMs);
    const id = randomUUIDv7();
    const sub = `person-${nth % PEOPLE}`;
    const event = encodeUsageEvent(usageEvent({ id, sub, timeMs: systemClock.now() }));
    endedAt.set(id, performance.now());
    const deps = { quota, bus, clock: systemClock, log };
    handing.push(handOver(deps, { id, accounts: [userAccount(sub)], event }));
  }
  await Promise.all(handing);
  while (appliedAt.size < endedAt.size) await pause(20);
  return [...endedAt]
    .slice(WARM_UP)
    .map(([id, at]) => (appliedAt.get(id) ?? Number.NaN) - at)
    .sort((a, b) => a - b);
}

process.stdout.write(`\nlag from response end to applied quota, ${PER_SECOND} requests/s, ms\n`);
for (const { name, found, open } of LAG_CANDIDATES) {
  if (!found.available) {
    process.stdout.write(`${name.padEnd(36)} ${found.reason}\n`);
    continue;
  }
  await using opened = new AsyncDisposableStack();
  const lags = await measure(await open(opened));
  const at = (share: number) => (lags[Math.floor(lags.length * share)] ?? 0).toFixed(0);
  const verdict = Number(at(0.99)) < 1000 ? 'below 1 s' : 'ABOVE 1 s';
  process.stdout.write(`${name.padEnd(36)} p50 ${at(0.5)}  p99 ${at(0.99)}  ${verdict}\n`);
}
