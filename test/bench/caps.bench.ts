// What a cap of ten cents is passed by when a hundred streams of five cents each come at once, over two
// data planes on one Redis: for each way of reserving, beside what was measured of the reference.
// Nobody has asked these data planes before, so their estimates begin with nothing. `npm run bench:caps`

import { openRedisQuotaStore } from '#shared/adapters/quota-store/redis.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { boundsAt } from '#shared/domain/period.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createMemoryLog } from '../support/log.ts';
import { cents, userCap } from '../support/quota.ts';
import { findPubSubEmulator, startPubSubEmulator } from '../support/servers/google-emulators.ts';
import { findRedis, startRedis } from '../support/servers/redis.ts';
import { answerEvents, openFakeUpstream, startStream } from '../support/upstream.ts';
import { askUntilDecided, type Decided } from './caps-client.ts';
import { openDataPlanes } from './caps-planes.ts';

const PARALLEL = 100;
const CAP_CENTS = 10;
const STREAM_MS = 2_000;
/** The reference 2.1.330: all hundred were served (design/contract.md §5, "Overshoot"). */
const REFERENCE_CENTS = 500;
const TARGETS = { none: null, estimate: 25, ceiling: 15 } as const;
type Mode = keyof typeof TARGETS;

/** Five cents of claude-opus-4-8: 40 input tokens at $5 and 1 992 output tokens at $25 a million. */
const EVENTS = answerEvents({ usage: { input_tokens: 40 }, outputTokens: 1_992 });

async function spentCents(quota: QuotaStore, sub: string): Promise<number> {
  const rows = await quota.spend([`user:${sub}`], systemClock.now());
  const day = rows.find(({ period }) => period === 'daily');
  return ((day?.pendingMicroUsd ?? 0) + (day?.ledgeredMicroUsd ?? 0)) / 10_000;
}

function print(cells: readonly (string | number)[]): void {
  const [name = '', ...rest] = cells.map(String);
  process.stdout.write(`${name.padEnd(12)}${rest.map((cell) => cell.padStart(16)).join('')}\n`);
}

function report(mode: Mode, spent: number, decided: readonly Decided[]): void {
  const of = (outcome: Decided['outcome'], isFirst: boolean) =>
    decided.filter((one) => one.outcome === outcome && (one.busyAnswers === 0) === isFirst).length;
  const busy = decided.filter(({ busyAnswers }) => busyAnswers > 0).length;
  const target = TARGETS[mode];
  const isMet = target === null || spent <= target;
  if (!isMet) process.exitCode = 1;
  print([
    mode,
    spent,
    of('served', true),
    of('blocked', true),
    busy,
    of('served', false),
    of('blocked', false),
    target === null ? '' : `${isMet ? 'within' : 'ABOVE'} ${target}`,
  ]);
}

async function bench(): Promise<void> {
  const [redisProgram, pubsubProgram] = [findRedis(), findPubSubEmulator()];
  for (const found of [redisProgram, pubsubProgram]) {
    if (!found.available) throw new Error(found.reason);
  }
  if (!redisProgram.available || !pubsubProgram.available) return;
  await using redis = await startRedis(redisProgram.program);
  await using pubsub = await startPubSubEmulator(pubsubProgram.program);
  await using upstream = await openFakeUpstream();
  upstream.behave((res) => {
    startStream(res);
    res.write(EVENTS[0] ?? '');
    setTimeout(() => res.end(EVENTS.slice(1).join('')), STREAM_MS);
  });
  const log = createMemoryLog();
  await using quota = await openRedisQuotaStore({
    ...{ url: redis.url, timeoutMs: 5_000, clock: systemClock, log },
  });
  await quota.markWhole();
  const modes = Object.keys(TARGETS) as Mode[];
  const caps = modes.map((mode) => userCap(mode, cents(CAP_CENTS), 'daily'));
  await quota.publishCaps({ version: 1, caps, budgets: [] });

  process.stdout.write(
    `\n${PARALLEL} streams of 5 cents and ${STREAM_MS / 1000} s at once, a cap of ${CAP_CENTS} cents, ` +
      'two data planes on one Redis\n',
  );
  print(
    ['', 'cents spent', 'served at once', 'blocked at once', 'busy at first'].concat([
      'then served',
      'then blocked',
      'target',
    ]),
  );
  print(['reference', REFERENCE_CENTS, PARALLEL, 0, '-', '-', '-', '']);
  for (const mode of modes) {
    await using planes = await openDataPlanes({
      ...{ mode, redisUrl: redis.url, pubsubHost: pubsub.host, modelUrl: upstream.url },
    });
    const token = await planes.tokenOf(mode);
    const decided = await Promise.all(
      Array.from({ length: PARALLEL }, (_, nth) => {
        const url = planes.urls[nth % planes.urls.length] ?? '';
        return askUntilDecided(`${url}/v1/messages`, token);
      }),
    );
    await planes.stop();
    report(mode, await spentCents(quota, mode), decided);
  }
}

// Across midnight the cap would begin anew.
const untilMidnightMs = boundsAt('daily', systemClock.now()).endMs - systemClock.now();
if (untilMidnightMs < 120_000)
  throw new Error('a day is about to end; run it again in two minutes');
await bench();
