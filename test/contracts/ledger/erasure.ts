// A person is forgotten, and nothing that was counted.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type AccountId, modelAccount, userAccount } from '#shared/domain/account.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { startChild } from '../../support/child.ts';
import { NOON_MS } from '../../support/clock.ts';
import { type UsageEventOverrides, usageEvent } from '../../support/usage-event.ts';
import { ERASER } from './eraser.ts';
import {
  allEvents,
  allTotals,
  correctionOf,
  DAY_MS,
  type LedgerHarness,
  shownTotals,
} from './reading.ts';

const TODAY = bucketsAt(NOON_MS);
const NAME = 'erased-4f2a';

function eventOf(sub: string, overrides: UsageEventOverrides = {}) {
  const own = userAccount(sub);
  const accounts: AccountId[] = [own, modelAccount('opus', own), 'pool:eng', 'organization'];
  return usageEvent({ sub, accounts, costMicroUsd: 10, ...overrides });
}

export function erasure({ open }: LedgerHarness): void {
  it('puts the pseudonym in the place of the person, and changes nothing else', async () => {
    await using ledger = await open();
    const ada = eventOf('ada');
    // Names that only look like hers.
    const others = ['bob', 'x:user:ada', 'ada2'].map((sub) => eventOf(sub));
    await ledger.port.record([ada, ...others]);
    await ledger.port.record([eventOf('ada', { timeMs: NOON_MS - DAY_MS, costMicroUsd: 7 })]);
    const before = await shownTotals(ledger.port, TODAY);
    assert.equal(await ledger.port.erase('ada', NAME), 2);
    assert.deepEqual(await ledger.port.events([ada.id]), [
      {
        ...ada,
        sub: NAME,
        email: null,
        name: null,
        accounts: [`user:${NAME}`, `model:opus:user:${NAME}`, 'pool:eng', 'organization'],
      },
    ]);
    for (const one of others) assert.deepEqual(await ledger.port.events([one.id]), [one]);
    const renamed = before.map((line) =>
      line.replace(/^(model:opus:)?user:ada /, `$1user:${NAME} `),
    );
    assert.deepEqual(await shownTotals(ledger.port, TODAY), renamed.sort());
    const rollups = await ledger.port.rollups('2026-11-01', '2026-11-30');
    const subs = rollups.map(({ day, sub, costMicroUsd }) => `${day} ${sub} ${costMicroUsd}`);
    assert.deepEqual(subs.sort(), [
      `2026-11-23 ${NAME} 7`,
      ...['ada2', 'bob', NAME, 'x:user:ada'].map((sub) => `2026-11-24 ${sub} 10`),
    ]);
  });

  it('adds to what the pseudonym has already, over months and pruned events', async () => {
    await using ledger = await open();
    const october = NOON_MS - 31 * DAY_MS;
    const was = eventOf('ada', { costMicroUsd: 100, timeMs: october });
    await ledger.port.record([was, eventOf('ada'), eventOf(NAME, { costMicroUsd: 1 })]);
    await ledger.port.correct([correctionOf(was.id, -30)]);
    await ledger.port.prune(NOON_MS - 1);
    assert.equal(await ledger.port.erase('ada', NAME), 1);
    const spent = (account: AccountId, atMs: number) =>
      ledger.port.spendOf(account, bucketsAt(atMs));
    for (const account of [`user:${NAME}`, `model:opus:user:${NAME}`] as const) {
      assert.deepEqual(await spent(account, NOON_MS), { daily: 11, weekly: 11, monthly: 11 });
      assert.deepEqual(await spent(account, october), { daily: 70, weekly: 70, monthly: 70 });
    }
    const rollups = await ledger.port.rollups('2026-10-01', '2026-11-30');
    assert.deepEqual(
      rollups.map((one) => [one.sub, one.events, one.costMicroUsd, one.correctionMicroUsd]),
      [
        [NAME, 1, 70, -30],
        [NAME, 2, 11, 0],
      ],
    );
  });

  it('keeps corrections, and charges later ones to the pseudonym', async () => {
    await using ledger = await open();
    const event = eventOf('ada');
    await ledger.port.record([event]);
    const [early, late] = [correctionOf(event.id, 1), correctionOf(event.id, 2)];
    await ledger.port.correct([early]);
    await ledger.port.erase('ada', NAME);
    await ledger.port.correct([late]);
    assert.deepEqual(await ledger.port.corrections([event.id]), [early, late]);
    assert.equal((await ledger.port.spendOf(`user:${NAME}`, TODAY)).daily, 13);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 0);
    assert.equal((await ledger.port.spendOf('organization', TODAY)).daily, 13);
  });

  it('may be repeated, also for somebody who was never seen', async () => {
    await using ledger = await open();
    await ledger.port.record([eventOf('ada'), eventOf('bob')]);
    await ledger.port.erase('ada', NAME);
    const before = await shownTotals(ledger.port, TODAY);
    assert.equal(await ledger.port.erase('ada', NAME), 0);
    assert.equal(await ledger.port.erase('nobody', NAME), 0);
    assert.deepEqual(await shownTotals(ledger.port, TODAY), before);
    for (const pseudonym of ['bob', '']) {
      await assert.rejects(
        ledger.port.erase('bob', pseudonym),
        (error) => error instanceof AppError && error.code === 'invalid_request',
      );
    }
  });

  it('is finished by the next run when its process is killed in the middle', async () => {
    await using ledger = await open();
    const events = Array.from({ length: 700 }, (_, nth) =>
      eventOf(nth % 50 === 0 ? 'bob' : 'ada', { timeMs: NOON_MS - (nth % 20) * DAY_MS }),
    );
    await ledger.port.record(events);
    const [, ...before] = await sums(ledger.port);
    const child = startChild(ERASER, ledger.opener, 'ada', NAME);
    await child.printed(1);
    const watched = events.filter((_, nth) => nth % 25 === 1).map(({ id }) => id);
    const isBegun = async () => (await ledger.port.events(watched)).some(({ sub }) => sub === NAME);
    while (!(await isBegun()));
    await child.kill();
    await ledger.port.erase('ada', NAME);
    const after = await allEvents(ledger.port);
    assert.deepEqual(
      new Set(after.map(({ sub, email }) => `${sub} ${email === null}`)),
      new Set([`bob false`, `${NAME} true`]),
    );
    const [subs, ...sum] = await sums(ledger.port);
    assert.deepEqual(sum, before);
    assert.equal(subs, `bob,${NAME}`);
  });

  it('loses nothing that is recorded meanwhile', async () => {
    await using ledger = await open();
    const writer = await ledger.another();
    const batch = () => Array.from({ length: 25 }, () => eventOf('ada'));
    await ledger.port.record(batch());
    const recording = Array.from({ length: 8 }, () => writer.record(batch()));
    await Promise.all([ledger.port.erase('ada', NAME), ...recording]);
    const spent = async (sub: string) => (await ledger.port.spendOf(`user:${sub}`, TODAY)).monthly;
    assert.equal((await spent('ada')) + (await spent(NAME)), 2250);
    await ledger.port.erase('ada', NAME);
    assert.deepEqual([await spent('ada'), await spent(NAME)], [0, 2250]);
    assert.equal((await ledger.port.spendOf('organization', TODAY)).daily, 2250);
    const all = await allEvents(ledger.port);
    assert.deepEqual([...new Set(all.map(({ sub }) => sub))], [NAME]);
    assert.equal(all.length, 225);
  });
}

/** Whose rollups there are, and the sums of everything. */
async function sums(ledger: Ledger): Promise<[string, ...number[]]> {
  const rollups = await ledger.rollups('2026-10-01', '2026-12-31');
  const totals = await allTotals(ledger, TODAY);
  const subs = [...new Set(rollups.map(({ sub }) => sub))].sort();
  return [
    subs.join(),
    rollups.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0),
    rollups.reduce((sum, { events }) => sum + events, 0),
    totals.reduce((sum, { amountMicroUsd }) => sum + amountMicroUsd, 0),
  ];
}
