// A storm of requests over two data planes and two control planes on Redis, Pub/Sub and PostgreSQL,
// while one part after the other is killed, frozen, restarted or loses all it holds. When it is quiet
// again every completed request is in the ledger once, nothing is in it twice, and the quota store
// agrees with the ledger to the micro-dollar.
//
// TALLYGATE_STORM_SEEDS=500 (or 21-500) runs more of them, TALLYGATE_SEED=… one again.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { adminCall, mintSession } from '../support/gateway.ts';
import { skipUnless } from '../support/needed.ts';
import { seededRandom } from '../support/random.ts';
import { findStack } from '../support/stack.ts';
import { assertNoDoubles, type Books, openBooks } from './books.ts';
import { startChaos } from './chaos.ts';
import { startTraffic, type Traffic } from './traffic.ts';
import { openWorld, type World } from './world.ts';

const skip = skipUnless(...findStack('postgres'));
const SEEDS = seeds();
const STORM_MS = 2_500;
const QUIET_WITHIN_MS = 40_000;
const CAPPED_CENTS = 3;
/** What a request of this traffic can cost at most: 4 KB of prompt and 100 tokens of answer. */
const REQUEST_MICRO_USD_MAX = 20_000;

let world: World;
let books: Books;
before(async () => {
  if (skip !== false) return;
  world = await openWorld();
  books = await openBooks(world);
});
after(async () => {
  await books?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

describe('nothing is lost and nothing counted twice', { skip }, () => {
  for (const seed of SEEDS) {
    it(`seed ${seed}`, { timeout: 120_000 }, () => storm(seed));
  }
});

async function storm(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const mayLose = random.next() < 0.7;
  const isClosed = random.next() < 0.5;
  world.failClosed(isClosed);
  const people = await Promise.all(
    ['free', 'capped', 'busy'].map(async (name) => {
      const sub = `${name}-${seed}-${process.pid}`;
      return { sub, token: await mintSession(world.publicUrl, sub) };
    }),
  );
  const subs = people.map(({ sub }) => sub);
  await capOf(subs[1] ?? '');
  const traffic = startTraffic({ world, random, people, clientsEach: 3 });
  const isHealed = async () => (await missing(traffic)).length === 0;
  const chaos = startChaos({ world, random, isHealed, mayLose });
  await pause(STORM_MS);
  try {
    await chaos.stop();
  } finally {
    await traffic.stop();
  }
  try {
    await quiet(traffic, subs);
    const events = await books.events(subs);
    assertNoDoubles(events);
    assert.ok(traffic.sent.length > 0, 'nobody was served');
    // Served without the quota store nobody is capped, and a lost one forgot what was on its way.
    if (isClosed && !chaos.redisWasLost) assertCapHeld(events, subs[1] ?? '');
  } catch (caught) {
    const outputs = [...world.dataPlanes, ...world.controlPlanes].map(
      (plane) => `── ${plane.name}\n${plane.output().slice(-3_000)}`,
    );
    console.error([`seed ${seed}`, ...chaos.diary, ...outputs].join('\n'));
    throw caught;
  }
}

async function missing(traffic: Traffic): Promise<string[]> {
  const complete = traffic.sent.filter(({ isComplete }) => isComplete);
  const ids = complete.map(({ requestId }) => requestId);
  const recorded = await books.recorded(ids);
  return ids.filter((id) => !recorded.has(id));
}

/** Resolves when all is in the ledger and the quota store agrees; else says what is not. */
async function quiet(traffic: Traffic, subs: readonly string[]): Promise<void> {
  const giveUpAtMs = performance.now() + QUIET_WITHIN_MS;
  for (;;) {
    const lost = await missing(traffic).catch((error: unknown) => [String(error)]);
    const wrong = await books.disagreements(subs).catch((error: unknown) => [String(error)]);
    if (lost.length + wrong.length === 0) return;
    if (performance.now() > giveUpAtMs) {
      assert.deepEqual({ lost, wrong }, { lost: [], wrong: [] });
    }
    await pause(250);
  }
}

async function capOf(sub: string): Promise<void> {
  const amount = String(CAPPED_CENTS);
  const cap = { scope: { type: 'user', user_id: sub }, period: 'monthly', amount };
  const response = await adminCall(world.publicUrl, '', cap);
  assert.equal(response.status, 200, await response.text());
}

function assertCapHeld(events: Awaited<ReturnType<Books['events']>>, sub: string): void {
  const own = events.filter((event) => event.sub === sub);
  const spent = own.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
  const most = CAPPED_CENTS * 10_000 + REQUEST_MICRO_USD_MAX;
  assert.ok(spent <= most, `${spent} micro-USD spent under a cap of ${CAPPED_CENTS} cents`);
}

function seeds(): number[] {
  const one = process.env['TALLYGATE_SEED'];
  if (one !== undefined) return [Number(one)];
  const range = (process.env['TALLYGATE_STORM_SEEDS'] ?? '20').split('-').map(Number);
  const [first = 1, last = first] = range.length === 1 ? [1, ...range] : range;
  return Array.from({ length: last - first + 1 }, (_, nth) => first + nth);
}
