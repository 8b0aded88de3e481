// The contract of the Ledger port, for every adapter.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { microUsd } from '#shared/domain/money.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import type { DailyRollup, Ledger } from '#shared/ports/ledger.ts';
import { startChild } from '../../support/child.ts';
import { NOON_MS } from '../../support/clock.ts';
import { assertAllRefused } from '../../support/closed.ts';
import { shuffled } from '../../support/shuffle.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { accounts } from './accounts.ts';
import { byTime } from './by-time.ts';
import { corrections } from './corrections.ts';
import { costOf, deliveredEvents } from './deliveries.ts';
import { erasure } from './erasure.ts';
import { allTotals, correctionOf, DAY_MS, type LedgerHarness } from './reading.ts';
import { RECORDER } from './recorder.ts';

const TODAY = bucketsAt(NOON_MS);

export function ledgerContract(harness: LedgerHarness): void {
  describe(`Ledger contract: ${harness.name}`, { timeout: 120_000 }, () => {
    describe('behaviour', () => {
      recordBehaviour(harness);
      totalsBehaviour(harness);
      retentionBehaviour(harness);
    });
    describe('accounts and rollups', () => accounts(harness));
    describe('events by time', () => byTime(harness));
    describe('corrections', () => corrections(harness));
    describe('erasure', () => erasure(harness));
    describe('duplicates and order', () => duplicates(harness));
    describe('refusal and closed', () => refusal(harness));
    describe('real contention', () => contention(harness));
    describe('survival', () => survival(harness));
  });
}

function recordBehaviour({ open }: LedgerHarness): void {
  it('opens fresh and isolated', async () => {
    await using one = await open();
    await using other = await open();
    await one.port.record([usageEvent()]);
    assert.deepEqual(await other.port.totals(TODAY, null, 10), { rows: [], next: null });
    assert.deepEqual(await other.port.rollups('2000-01-01', '2100-01-01'), []);
  });

  it('answers an event with everything that was recorded', async () => {
    await using ledger = await open();
    const event = usageEvent({ groups: ['a', 'ü"b'], name: null, usage: { speed: 'fast' } });
    assert.deepEqual(await ledger.port.record([event]), { recorded: [event.id], duplicates: [] });
    assert.deepEqual(await ledger.port.events([event.id, 'unknown']), [event]);
    assert.deepEqual(await ledger.port.events([]), []);
  });

  it('records an empty batch as nothing', async () => {
    await using ledger = await open();
    assert.deepEqual(await ledger.port.record([]), { recorded: [], duplicates: [] });
  });

  it('charges the day, week and month of the event, not of the recording', async () => {
    await using ledger = await open();
    // 2026-11-30 is a Monday: another day and week, the same month. December is another month.
    const monday = NOON_MS + 6 * DAY_MS;
    const december = NOON_MS + 7 * DAY_MS;
    await ledger.port.record([
      usageEvent({ costMicroUsd: 1 }),
      usageEvent({ timeMs: monday, costMicroUsd: 20 }),
      usageEvent({ timeMs: december, costMicroUsd: 300 }),
    ]);
    const spent = (atMs: number) => ledger.port.spendOf('user:ada', bucketsAt(atMs));
    assert.deepEqual(await spent(NOON_MS), { daily: 1, weekly: 1, monthly: 21 });
    assert.deepEqual(await spent(monday), { daily: 20, weekly: 320, monthly: 21 });
    assert.deepEqual(await spent(december), { daily: 300, weekly: 320, monthly: 300 });
  });

  it('answers zero for somebody who spent nothing', async () => {
    await using ledger = await open();
    const spent = await ledger.port.spendOf('user:nobody', TODAY);
    assert.deepEqual(spent, { daily: 0, weekly: 0, monthly: 0 });
  });

  it('counts beyond 32 bits', async () => {
    await using ledger = await open();
    const costMicroUsd = 5_000_000_000_000;
    await ledger.port.record([usageEvent({ costMicroUsd })]);
    await ledger.port.record([usageEvent({ costMicroUsd })]);
    const spent = await ledger.port.spendOf('user:ada', TODAY);
    assert.equal(spent.monthly, 2 * costMicroUsd);
  });

  it('records a batch larger than one statement', async () => {
    await using ledger = await open();
    const events = deliveredEvents(0, 1203);
    const { recorded } = await ledger.port.record(events);
    assert.equal(recorded.length, events.length);
    assert.equal((await ledger.port.events(events.map(({ id }) => id))).length, events.length);
  });
}

function totalsBehaviour({ open }: LedgerHarness): void {
  it('pages totals by account, whole accounts only, ascending by bytes', async () => {
    await using ledger = await open();
    const yesterday = NOON_MS - DAY_MS;
    await ledger.port.record([
      ...['b', 'B', 'é', 'a', '_'].map((sub) => usageEvent({ sub, costMicroUsd: 5 })),
      // Nothing today, but something this week and month.
      usageEvent({ sub: 'aa', timeMs: yesterday, costMicroUsd: 7 }),
    ]);
    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const page = await ledger.port.totals(TODAY, after, 2);
      pages.push(page.rows.map((row) => `${row.account} ${row.period} ${row.amountMicroUsd}`));
      after = page.next;
    } while (after !== null);
    const whole = (sub: string) =>
      ['daily', 'monthly', 'weekly'].map((period) => `user:${sub} ${period} 5`);
    assert.deepEqual(
      pages.map((page) => page.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))),
      [
        [...whole('B'), ...whole('_')],
        [...whole('a'), 'user:aa monthly 7', 'user:aa weekly 7'],
        [...whole('b'), ...whole('é')],
      ],
    );
  });

  it('rolls up per day, person, model and upstream', async () => {
    await using ledger = await open();
    const usage = {
      inputTokens: 1,
      outputTokens: 20,
      cacheReadTokens: 300,
      cacheWrite5mTokens: 4000,
      cacheWrite1hTokens: 50_000,
    };
    await ledger.port.record([usageEvent({ usage, costMicroUsd: 3 })]);
    await ledger.port.record([
      usageEvent({ usage, costMicroUsd: 4, estimated: true }),
      usageEvent({ usage, costMicroUsd: 5, servedModel: 'claude-haiku-4-5' }),
      usageEvent({ usage, costMicroUsd: 6, timeMs: NOON_MS + DAY_MS }),
    ]);
    const once: DailyRollup = {
      day: TODAY.daily,
      sub: 'ada',
      groups: ['engineering'],
      billingGroup: 'engineering',
      servedModel: 'claude-haiku-4-5',
      upstream: 'vertex',
      events: 1,
      estimatedEvents: 0,
      inputTokens: 1,
      outputTokens: 20,
      cacheReadTokens: 300,
      cacheWriteTokens: 54_000,
      costMicroUsd: microUsd(5),
      correctionMicroUsd: microUsd(0),
    };
    const twice = {
      ...once,
      servedModel: 'claude-sonnet-4-5',
      events: 2,
      estimatedEvents: 1,
      inputTokens: 2,
      outputTokens: 40,
      cacheReadTokens: 600,
      cacheWriteTokens: 108_000,
      costMicroUsd: microUsd(7),
    };
    assert.deepEqual(await ledger.port.rollups(TODAY.daily, TODAY.daily), [once, twice]);
    const days = (await ledger.port.rollups('2026-11-25', '2026-11-30')).map(({ day }) => day);
    assert.deepEqual(days, ['2026-11-25']);
  });
}

function retentionBehaviour({ open }: LedgerHarness): void {
  it('prunes single events and keeps their counters and rollups', async () => {
    await using ledger = await open();
    const old = usageEvent({ timeMs: NOON_MS - 1, costMicroUsd: 10 });
    const young = usageEvent({ timeMs: NOON_MS, costMicroUsd: 1 });
    await ledger.port.record([old, young]);
    assert.equal(await ledger.port.prune(NOON_MS), 1);
    assert.deepEqual(await ledger.port.events([old.id, young.id]), [young]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 11);
    assert.equal((await ledger.port.rollups(TODAY.daily, TODAY.daily))[0]?.events, 2);
  });
}

function duplicates({ open }: LedgerHarness): void {
  it('counts an event once, however often it comes', async () => {
    await using ledger = await open();
    const event = usageEvent({ costMicroUsd: 8 });
    const fresh = usageEvent({ costMicroUsd: 1 });
    await ledger.port.record([event]);
    assert.deepEqual(await ledger.port.record([event, fresh, event]), {
      recorded: [fresh.id],
      duplicates: [event.id],
    });
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 9);
    assert.equal((await ledger.port.rollups(TODAY.daily, TODAY.daily))[0]?.events, 2);
  });

  it('counts an event that is twice in one batch once and calls it recorded', async () => {
    await using ledger = await open();
    const event = usageEvent({ costMicroUsd: 8 });
    const late = usageEvent({ id: event.id, costMicroUsd: 9 });
    assert.deepEqual(await ledger.port.record([event, late]), {
      recorded: [event.id],
      duplicates: [],
    });
    assert.deepEqual(await ledger.port.events([event.id]), [event]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 8);
  });

  it('keeps the first of two events with one id', async () => {
    await using ledger = await open();
    const orphan = usageEvent({ costMicroUsd: 8, outcome: 'orphaned', estimated: true });
    await ledger.port.record([orphan]);
    await ledger.port.record([usageEvent({ id: orphan.id, costMicroUsd: 9 })]);
    assert.deepEqual(await ledger.port.events([orphan.id]), [orphan]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 8);
  });

  it('counts the same whatever the order', async () => {
    await using one = await open();
    await using other = await open();
    const events = deliveredEvents(0, 60);
    for (const event of events) await one.port.record([event]);
    await other.port.record(shuffled(events, 7));
    assert.deepEqual(
      await other.port.totals(TODAY, null, 100),
      await one.port.totals(TODAY, null, 100),
    );
    const days = ['2026-11-01', '2026-12-31'] as const;
    assert.deepEqual(await other.port.rollups(...days), await one.port.rollups(...days));
  });
}

function refusal({ open }: LedgerHarness): void {
  it('refuses every method once closed, in a sentence', async () => {
    await using ledger = await open();
    const { port } = ledger;
    await port[Symbol.asyncDispose]();
    await port[Symbol.asyncDispose]();
    await assertAllRefused({
      record: () => port.record([usageEvent()]),
      events: () => port.events(['x']),
      eventsBetween: () => port.eventsBetween(0, 1, null, 1),
      correct: () => port.correct([correctionOf('x', 1)]),
      corrections: () => port.corrections(['x']),
      erase: () => port.erase('ada', 'erased'),
      spendOf: () => port.spendOf('user:ada', TODAY),
      totals: () => port.totals(TODAY, null, 1),
      rollups: () => port.rollups('2026-11-24', '2026-11-24'),
      prune: () => port.prune(0),
    });
  });

  it('finishes what is in work when it is closed', async () => {
    await using ledger = await open();
    const event = usageEvent();
    let isRecorded = false;
    const recording = ledger.port.record([event]).finally(() => {
      isRecorded = true;
    });
    await ledger.port[Symbol.asyncDispose]();
    assert(isRecorded, 'closing waited for it');
    assert.deepEqual((await recording).recorded, [event.id]);
    assert.deepEqual(await (await ledger.reopen()).events([event.id]), [event]);
  });
}

function contention({ open }: LedgerHarness): void {
  it('counts exactly once over parallel writers that share duplicates', async () => {
    await using ledger = await open();
    const handles = [ledger.port, await ledger.another(), await ledger.another()];
    const events = deliveredEvents(0, 400);
    const deliveries = shuffled([...events, ...events, ...events], 11);
    const recorded: string[] = [];
    const batches: Promise<void>[] = [];
    for (let at = 0; at < deliveries.length; at += 17) {
      const handle = handles[batches.length % handles.length] ?? ledger.port;
      const batch = handle.record(deliveries.slice(at, at + 17));
      batches.push(batch.then((result) => void recorded.push(...result.recorded)));
    }
    await Promise.all(batches);
    assert.deepEqual(recorded.sort(), events.map(({ id }) => id).sort());
    await assertHolds(ledger.port, costOf(events));
  });

  it('counts exactly once over processes that record the same events', async () => {
    await using ledger = await open();
    // Overlapping: every event from two of the three.
    const children = [0, 100, 200].map((first) =>
      startChild(RECORDER, ledger.opener, `${first}`, '200', '10'),
    );
    await Promise.all(children.map((child) => child.ended()));
    await assertHolds(ledger.port, costOf(deliveredEvents(0, 400)));
  });
}

function survival({ open }: LedgerHarness): void {
  it('knows after a reopening what it knew before', async () => {
    await using ledger = await open();
    const event = usageEvent({ costMicroUsd: 5 });
    await ledger.port.record([event]);
    const reopened = await ledger.reopen();
    assert.deepEqual((await reopened.record([event])).duplicates, [event.id]);
    assert.equal((await reopened.spendOf('user:ada', TODAY)).daily, 5);
  });

  it('loses nothing acknowledged and counts nothing twice when its process is killed', async () => {
    await using ledger = await open();
    const events = deliveredEvents(0, 20_000);
    const child = startChild(RECORDER, ledger.opener, '0', `${events.length}`, '7');
    await child.printed(300);
    await child.kill();
    assert(child.lines.length < events.length, 'it was killed in the middle');
    const port = await ledger.reopen();
    const ids = new Set((await port.events(events.map(({ id }) => id))).map(({ id }) => id));
    assert.deepEqual(
      child.lines.filter((id) => !ids.has(id)),
      [],
    );
    await assertHolds(port, costOf(events.filter(({ id }) => ids.has(id))));
    await port.record(events.slice(0, 5000));
    const held = events.filter(({ id }, nth) => nth < 5000 || ids.has(id));
    await assertHolds(port, costOf(held));
  });
}

/** The month's sums over all people, of everybody and of the rollups must all be exactly this. */
export async function assertHolds(port: Ledger, costMicroUsd: number): Promise<void> {
  const monthly = (await allTotals(port, TODAY)).filter((row) => row.period === 'monthly');
  const sumOf = (kind: string) =>
    monthly
      .filter(({ account }) => account.startsWith(kind))
      .reduce((total, row) => total + row.amountMicroUsd, 0);
  assert.deepEqual(
    [sumOf('user:'), sumOf('pool:'), sumOf('organization'), sumOf('model:')],
    Array.from({ length: 4 }, () => costMicroUsd),
  );
  const rollups = await port.rollups('2026-11-01', '2026-11-30');
  assert.equal(
    rollups.reduce((total, row) => total + row.costMicroUsd, 0),
    costMicroUsd,
  );
}
