// 1 000 people, a month and the days on which calendars go wrong. Everything that happens is decided by
// the seed; every answer of the product is compared with the books at once, every total at the end
// of each stretch. This file is also what runs in a process with a time zone of its own.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { modelNames } from '#shared/domain/model-names.ts';
import { microUsd } from '#shared/domain/money.ts';
import { boundsAt, bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { type BookPerson, type Books, charge, judge, openBooks, reserve } from './books.ts';
import { bucketName, DAY, endOf, PERIOD_NAMES } from './calendar.ts';
import { changeLimits, firstLimits, GROUPS } from './limits.ts';
import { checkAlerts, checkTotals } from './totals.ts';
import { openWorld, type World } from './world.ts';

export interface Summary {
  readonly people: number;
  readonly requests: number;
  readonly admitted: number;
  readonly blocked: number;
  readonly busy: number;
  readonly changes: number;
  readonly alerts: number;
  /** Over every answer and every total: the same for the same seed, wherever it runs. */
  readonly digest: string;
}

interface InFlight {
  readonly event: UsageEvent;
  readonly reserved: bigint;
  readonly dueMs: number;
  /** Nothing was owed. */
  readonly isReleased: boolean;
}

const HOUR = 3_600_000;
const PEOPLE = 1_000;
/** They ask a third of all questions. */
const HEAVY = 40;
const MODELS = [
  { requested: 'claude-opus-5-5', family: 'opus', names: ['opus', 'claude-opus-5-5'] },
  { requested: 'claude-sonnet-4-6', family: 'sonnet', names: ['sonnet', 'claude-sonnet-4-6'] },
  { requested: 'claude-haiku-5-5', family: 'haiku', names: ['haiku', 'claude-haiku-5-5'] },
] as const;

const at = (text: string) => Date.parse(text);

/** From, to, and how many requests between them. */
const STRETCHES = [
  // The month: end of a year in its middle, the ISO week 53 that two years share.
  [at('2026-12-10T00:00:00Z'), at('2027-01-10T00:00:00Z'), 3_000],
  // Clocks in the United States go forward, in Europe and then in New Zealand; and back again.
  [at('2027-03-13T00:00:00Z'), at('2027-03-15T12:00:00Z'), 300],
  [at('2027-03-27T00:00:00Z'), at('2027-04-04T12:00:00Z'), 300],
  [at('2027-10-30T00:00:00Z'), at('2027-11-08T00:00:00Z'), 300],
  // A leap day.
  [at('2028-02-27T00:00:00Z'), at('2028-03-02T00:00:00Z'), 400],
] as const;

/** Local midnights and changes of clocks: nothing may happen at them. */
const OFFSETS_HOURS = [0, 1, 2, 4, 5, 6, 7, 11, 12, 13];

export async function simulate(seed: number): Promise<Summary> {
  const random = seededRandom(seed);
  await using world = await openWorld(STRETCHES[0][0]);
  const books = openBooks();
  const people = inventPeople(random);
  const digest = createHash('sha256');
  const counts = { requests: 0, admitted: 0, blocked: 0, busy: 0, changes: 0 };
  const flight: InFlight[] = [];
  const queue: UsageEvent[] = [];
  const seen: UsageEvent[] = [];

  async function land(untilMs: number): Promise<void> {
    flight.sort((a, b) => a.dueMs - b.dueMs);
    while (flight[0] !== undefined && flight[0].dueMs <= untilMs) {
      const { event, reserved, dueMs, isReleased } = flight.shift() as InFlight;
      world.goTo(dueMs);
      reserve(books, event.accounts, -reserved);
      if (isReleased) await world.quota().release(event.id);
      else await settle(world, books, event, dueMs);
      if (!isReleased) queue.push(event);
    }
  }

  async function ingest(): Promise<void> {
    const batch = queue.splice(0);
    // A bus delivers again, and in any order.
    const again = batch.length > 0 && seen.length > 0 ? [random.pick(seen), random.pick(seen)] : [];
    const order = [...batch, ...again].sort(() => random.next() - 0.5);
    for (let start = 0; start < order.length; start += 100) {
      await world.ingest(order.slice(start, start + 100));
    }
    seen.push(...batch.slice(0, 5));
  }

  async function ask(atMs: number): Promise<void> {
    const person =
      random.next() < 0.33 ? people[random.between(0, HEAVY - 1)] : random.pick(people);
    assert(person !== undefined);
    const model = random.pick(MODELS);
    const names = modelNames(model.requested, model.family);
    assert.deepEqual(names, model.names);
    counts.requests += 1;
    const cost = random.between(1, 60) * 9_973 + random.between(0, 9_972);
    const isQuick = random.next() < 0.5;
    const reserved = isQuick ? 0 : random.between(0, 5 * cost);
    const verdict = judge(books, person, names, atMs);
    const id = eventId(counts.requests);
    const wish = { id, person, modelNames: names, reserve: reserved };
    const { admission, accounts } = await world.admit(wish);
    const where = `seed ${seed}, request ${counts.requests} at ${bucketName('daily', atMs)}`;
    assert.equal(admission.outcome, verdict.outcome, where);
    counts[verdict.outcome] += 1;
    digest.update(`${id} ${verdict.outcome} ${verdict.breached.join()}\n`);
    if (admission.outcome === 'blocked') {
      const breached = admission.breached.map(({ limit }) => `${limit.capId} ${limit.account}`);
      assert.deepEqual(breached.sort(), verdict.breached, where);
    }
    if (admission.outcome !== 'admitted' && admission.outcome !== 'blocked') return;
    for (const { limit, spentMicroUsd } of admission.standings) {
      const key = `${limit.account}|${bucketName(limit.period, atMs)}`;
      assert.equal(BigInt(spentMicroUsd), books.sums.get(key) ?? 0n, `${where}: ${key}`);
    }
    if (admission.outcome === 'blocked') return;
    assert.deepEqual([...accounts].sort(), [...verdict.accounts].sort(), where);
    const event = usageEvent({
      ...{ id, timeMs: atMs, sub: person.sub, email: null, name: null, groups: person.groups },
      ...{ requestedModel: model.requested, servedModel: model.requested, accounts },
      costMicroUsd: cost,
    });
    if (isQuick) {
      await settle(world, books, event, atMs);
      queue.push(event);
      return;
    }
    reserve(books, accounts, BigInt(reserved));
    const dueMs = atMs + random.between(1, 4 * HOUR);
    flight.push({ event, reserved: BigInt(reserved), dueMs, isReleased: random.next() < 0.1 });
  }

  await firstLimits(world, books, people);
  for (const [startMs, endMs, requests] of STRETCHES) {
    books.groupMode = world.groupMode = random.pick(['min', 'max'] as const);
    const instants = instantsBetween(random, startMs, endMs, requests);
    for (const atMs of instants) {
      await land(atMs);
      world.goTo(atMs);
      checkCalendar(atMs);
      if (random.next() < 0.015) {
        await changeLimits(world, books, random, people);
        counts.changes += 1;
      }
      await ask(atMs);
      if (queue.length >= 60 || random.next() < 0.005) await ingest();
      if (flight.length === 0 && random.next() < 0.02) {
        await ingest();
        assert.equal(await world.recompute(), 0);
        if (random.next() < 0.3) await world.restart();
      }
    }
    await land(Number.MAX_SAFE_INTEGER);
    await ingest();
    digest.update(await checkTotals(world, books, startMs, endMs));
  }
  await checkAlerts(
    world,
    books,
    people,
    MODELS.flatMap(({ names }) => names),
  );
  assert.deepEqual(
    world.log.lines.filter(({ level }) => level === 'warn' || level === 'error'),
    [],
  );
  const alerts = world.alerts.length;
  return { people: PEOPLE, ...counts, alerts, digest: digest.digest('hex') };
}

async function settle(world: World, books: Books, event: UsageEvent, nowMs: number): Promise<void> {
  const answer = await world.quota().settle({
    id: event.id,
    nowMs,
    chargedAtMs: event.timeMs,
    accounts: event.accounts,
    amountMicroUsd: microUsd(event.costMicroUsd),
    event: '{}',
  });
  assert.equal(answer, 'settled');
  charge(books, event.accounts, BigInt(event.costMicroUsd), event.timeMs);
}

function inventPeople(random: Random): BookPerson[] {
  return Array.from({ length: PEOPLE }, (_, nth) => {
    const groups = GROUPS.filter(() => random.next() < 0.25);
    // As a session lists them: in no order, perhaps twice.
    groups.sort(() => random.next() - 0.5);
    const twice = groups[0] !== undefined && random.next() < 0.05 ? [groups[0]] : [];
    return { sub: `p-${String(nth).padStart(4, '0')}`, groups: [...groups, ...twice] };
  });
}

/** Ascending: most at random, some around every midnight that is one somewhere. */
function instantsBetween(random: Random, startMs: number, endMs: number, count: number): number[] {
  const edges: number[] = [];
  for (let day = startMs; day < endMs; day += DAY) {
    for (const hours of OFFSETS_HOURS) {
      const edge = day + hours * HOUR;
      const times = hours === 0 ? 3 : 1;
      for (let nth = 0; nth < times; nth += 1) edges.push(edge - 1, edge, edge + 1);
    }
  }
  const picked = edges.filter((edge) => edge >= startMs && edge < endMs);
  while (picked.length > count * 0.6) picked.splice(random.between(0, picked.length - 1), 1);
  while (picked.length < count) picked.push(random.between(startMs, endMs - 1));
  return picked.sort((a, b) => a - b);
}

function checkCalendar(atMs: number): void {
  const buckets = bucketsAt(atMs);
  for (const period of PERIOD_NAMES) {
    assert.equal(buckets[period], bucketName(period, atMs));
    const { startMs, endMs } = boundsAt(period, atMs);
    assert.equal(endMs, endOf(period, atMs));
    assert.equal(endOf(period, startMs - 1), startMs);
  }
}

function eventId(nth: number): string {
  return `019ab000-0000-7000-8000-${nth.toString(16).padStart(12, '0')}`;
}

if (import.meta.main) {
  const summary = await simulate(Number(process.argv[2]));
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}
