// Later words on what events cost.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bucketsAt } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { NOON_MS } from '../../support/clock.ts';
import { shuffled } from '../../support/shuffle.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { correctionOf, DAY_MS, type LedgerHarness } from './reading.ts';

const TODAY = bucketsAt(NOON_MS);

export function corrections({ open }: LedgerHarness): void {
  it('adds the difference to the accounts, periods and rollup of the event itself', async () => {
    await using ledger = await open();
    const accounts = ['user:ada', 'model:opus:user:ada', 'pool:eng', 'organization'] as const;
    const event = usageEvent({ accounts, costMicroUsd: 1000 });
    const other = usageEvent({ sub: 'bob', costMicroUsd: 7 });
    await ledger.port.record([event, other]);
    const [before] = await ledger.port.rollups(TODAY.daily, TODAY.daily);
    const up = correctionOf(event.id, 50);
    const down = correctionOf(event.id, -300, { actor: 'admin-key:w', reason: 'a new book' });
    assert.deepEqual(await ledger.port.correct([up, down]), {
      recorded: [up.id, down.id].sort(),
      duplicates: [],
      unknown: [],
    });
    for (const account of accounts) {
      const spent = await ledger.port.spendOf(account, TODAY);
      assert.deepEqual(spent, { daily: 750, weekly: 750, monthly: 750 }, account);
    }
    assert.equal((await ledger.port.spendOf('user:bob', TODAY)).daily, 7);
    const [rollup, bobs] = await ledger.port.rollups(TODAY.daily, TODAY.daily);
    assert.deepEqual(rollup, { ...before, costMicroUsd: 750, correctionMicroUsd: -250 });
    assert.equal(bobs?.correctionMicroUsd, 0);
    assert.deepEqual(await ledger.port.events([event.id]), [event], 'the event is as it was');
    const nextDay = bucketsAt(NOON_MS + DAY_MS);
    assert.equal((await ledger.port.spendOf('user:ada', nextDay)).daily, 0);
  });

  it('counts a correction once, however often and beside what it is posted', async () => {
    await using ledger = await open();
    const event = usageEvent({ costMicroUsd: 10 });
    await ledger.port.record([event]);
    const first = correctionOf(event.id, 1);
    const again = correctionOf(event.id, 100, { id: first.id });
    assert.deepEqual((await ledger.port.correct([first, again])).recorded, [first.id]);
    const second = correctionOf(event.id, 20);
    assert.deepEqual(await ledger.port.correct([first, second]), {
      recorded: [second.id],
      duplicates: [first.id],
      unknown: [],
    });
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 31);
    assert.deepEqual(await ledger.port.corrections([event.id]), [first, second]);
  });

  it('does not count an id again for another event', async () => {
    await using ledger = await open();
    const [one, other] = [usageEvent({ costMicroUsd: 1 }), usageEvent({ costMicroUsd: 1 })];
    await ledger.port.record([one, other]);
    const first = correctionOf(one.id, 5);
    await ledger.port.correct([first]);
    const elsewhere = { ...first, eventId: other.id };
    assert.deepEqual((await ledger.port.correct([elsewhere])).duplicates, [first.id]);
    assert.deepEqual(await ledger.port.corrections([one.id, other.id]), [first]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 7);
  });

  it('names those whose event it does not have, and counts the others', async () => {
    await using ledger = await open();
    const event = usageEvent({ costMicroUsd: 10 });
    await ledger.port.record([event]);
    const [good, lost] = [correctionOf(event.id, 5), correctionOf('no-such-event', 5)];
    assert.deepEqual(await ledger.port.correct([lost, good]), {
      recorded: [good.id],
      duplicates: [],
      unknown: [lost.id],
    });
    assert.deepEqual((await ledger.port.correct([lost])).unknown, [lost.id]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 15);
    assert.deepEqual(await ledger.port.corrections(['no-such-event']), []);
    const nothing = { recorded: [], duplicates: [], unknown: [] };
    assert.deepEqual(await ledger.port.correct([]), nothing);
    assert.deepEqual(await ledger.port.corrections([]), []);
  });

  it('answers the corrections of an event in the order in which they were posted', async () => {
    await using ledger = await open();
    const events = [usageEvent(), usageEvent(), usageEvent()];
    const [one, two, three] = events.map(({ id }) => id);
    await ledger.port.record(events);
    const posted = ['z', 'a', 'm', 'b'].map((name, nth) =>
      correctionOf(one ?? '', nth + 1, { id: `${name}-${one}` }),
    );
    await ledger.port.correct(posted.slice(0, 2));
    await ledger.port.correct([...posted.slice(2), correctionOf(two ?? '', 1)]);
    assert.deepEqual(await ledger.port.corrections([one ?? '']), posted);
    const both = await ledger.port.corrections([three ?? '', two ?? '', one ?? '']);
    assert.equal(both.length, posted.length + 1);
  });

  it('refuses more corrections than a call may post', async () => {
    await using ledger = await open();
    const many = Array.from({ length: 101 }, () => correctionOf('x', 1));
    await assert.rejects(
      ledger.port.correct(many),
      (error) => error instanceof AppError && error.code === 'invalid_request',
    );
    assert.equal((await ledger.port.correct(many.slice(0, 100))).unknown.length, 100);
  });

  it('counts each once that several post at the same time', async () => {
    await using ledger = await open();
    const handles = [ledger.port, await ledger.another(), await ledger.another()];
    const events = Array.from({ length: 20 }, () =>
      usageEvent({ accounts: ['user:ada', 'organization'], costMicroUsd: 1 }),
    );
    await ledger.port.record(events);
    const posted = Array.from({ length: 60 }, (_, nth) =>
      correctionOf(events[nth % events.length]?.id ?? '', 10),
    );
    const answers = await Promise.all(
      handles.flatMap((handle, nth) => {
        const mine = shuffled(posted, nth);
        return [mine.slice(0, 25), mine.slice(25)].map((some) => handle.correct(some));
      }),
    );
    const recorded = answers.flatMap((answer) => answer.recorded);
    assert.deepEqual(recorded.sort(), posted.map(({ id }) => id).sort());
    assert.equal((await ledger.port.spendOf('organization', TODAY)).daily, 620);
    const rollups = await ledger.port.rollups(TODAY.daily, TODAY.daily);
    assert.deepEqual(
      rollups.map((one) => [one.events, one.costMicroUsd, one.correctionMicroUsd]),
      [[20, 620, 600]],
    );
  });

  it('prunes corrections with their event, and keeps what they counted', async () => {
    await using ledger = await open();
    const old = usageEvent({ timeMs: NOON_MS - 1, costMicroUsd: 10 });
    const young = usageEvent({ costMicroUsd: 10 });
    await ledger.port.record([old, young]);
    const [lost, kept] = [correctionOf(old.id, 1), correctionOf(young.id, 2)];
    await ledger.port.correct([lost, kept]);
    assert.equal(await ledger.port.prune(NOON_MS), 1);
    assert.deepEqual(await ledger.port.corrections([old.id, young.id]), [kept]);
    assert.equal((await ledger.port.spendOf('user:ada', TODAY)).daily, 23);
    assert.deepEqual((await ledger.port.correct([lost])).unknown, [lost.id]);
  });
}
