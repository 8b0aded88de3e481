// What only this layout can get wrong: names as document ids and map keys, sums over two documents,
// pages over accounts that spent nothing lately, commits that would be too large.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { NOON_MS } from '../../../test/support/clock.ts';
import {
  newPlace,
  onFirestoreEmulator,
  openDatabaseAt,
} from '../../../test/support/firestore-instance.ts';
import { usageEvent } from '../../../test/support/usage-event.ts';
import { shardOf } from './document-ids.ts';
import type { FirestoreDatabase } from './firestore-database.ts';
import { openLedger } from './ledger.ts';
import { commits } from './ledger-batches.ts';

const DAY_MS = 86_400_000;
/** 2026-11-30, a Monday, and the day after: one week, two months. */
const MONDAY_MS = NOON_MS + 6 * DAY_MS;
const TUESDAY_MS = NOON_MS + 7 * DAY_MS;

const ODD_NAMES = [
  ...['.', '..', '__x__', 'a/b/c', 'a.b.c', '`', '', 'ü"b', '\u{1F600}', '\uFFFD', '[]*~', ' '],
  'long'.repeat(250),
];

await onFirestoreEmulator('Firestore ledger', ({ host }) => {
  it('takes subs, models, upstreams and ids of any shape, and sorts them by bytes', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openLedger(database, {});
    const events = ODD_NAMES.map((name) =>
      usageEvent({ id: `id ${name}`, sub: name, servedModel: name, upstream: name }),
    );
    await ledger.record(events);
    assert.deepEqual((await ledger.record(events)).recorded, []);
    const found = await ledger.events(events.map(({ id }) => id));
    assert.deepEqual(byId(found), byId(events));
    const sorted = [...ODD_NAMES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const subs: string[] = [];
    let after: string | null = null;
    do {
      const page = await ledger.totals(bucketsAt(NOON_MS), after, 4);
      subs.push(...new Set(page.rows.map(({ account }) => account.slice('user:'.length))));
      after = page.next;
    } while (after !== null);
    assert.deepEqual(subs, sorted);
    const rollups = await ledger.rollups('2026-11-24', '2026-11-24');
    assert.deepEqual(
      rollups.map(({ sub, servedModel, upstream }) => [sub, servedModel, upstream]),
      sorted.map((name) => [name, name, name]),
    );
  });

  it('fills pages with those who spent in a week that crosses a month', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openLedger(database, {});
    const spender = (nth: number, timeMs: number) =>
      usageEvent({ sub: `person-${String(nth).padStart(2, '0')}`, timeMs, costMicroUsd: nth });
    await ledger.record([
      // In November, but before the week: not in any of the buckets.
      ...Array.from({ length: 30 }, (_, nth) => spender(nth, NOON_MS)),
      ...[3, 11, 27].map((nth) => spender(nth, MONDAY_MS)),
      ...[11, 28].map((nth) => spender(nth, TUESDAY_MS)),
    ]);
    const first = await ledger.totals(bucketsAt(TUESDAY_MS), null, 3);
    const second = await ledger.totals(bucketsAt(TUESDAY_MS), first.next, 3);
    const shown = [first, second].map(({ rows }) =>
      rows.map((row) => `${row.account.slice(-2)} ${row.period} ${row.amountMicroUsd}`),
    );
    assert.deepEqual(shown, [
      ['03 weekly 3', '11 daily 11', '11 weekly 22', '11 monthly 11', '27 weekly 27'],
      ['28 daily 28', '28 weekly 28', '28 monthly 28'],
    ]);
    assert.equal(second.next, null);
  });

  it('spreads what is shared over documents, of which a commit writes one', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openLedger(database, {});
    const batch = () =>
      Array.from({ length: 3 }, () =>
        usageEvent({ accounts: ['user:ada', 'organization'], costMicroUsd: 1 }),
      );
    await ledger.record(batch());
    const count = async () =>
      (await database.run((documents) => documents.in('spend').get())).docs.filter(
        (one) => one.get('account') === 'organization',
      ).length;
    assert.equal(await count(), 1);
    for (let times = 0; times < 40; times += 1) await ledger.record(batch());
    assert((await count()) > 10, `${await count()} documents`);
    const spent = await ledger.spendOf('organization', bucketsAt(NOON_MS));
    assert.deepEqual(spent, { daily: 123, weekly: 123, monthly: 123 });
  });

  it('reads rollups of before there were labels, and erases them', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openLedger(database, {});
    const row = {
      ...{ sub: 'ada', servedModel: 'm', upstream: 'u', events: 2, estimatedEvents: 0 },
      ...{ inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 },
      costMicroUsd: 9,
    };
    await database.run((documents) =>
      documents.in('daily_rollup').doc('old').create({ day: '2026-11-24', row }),
    );
    const labels = { groups: [], billingGroup: null, correctionMicroUsd: 0 };
    const read = () => ledger.rollups('2026-11-24', '2026-11-24');
    assert.deepEqual(await read(), [{ day: '2026-11-24', ...row, ...labels }]);
    await ledger.erase('ada', 'erased');
    assert.deepEqual(await read(), [{ day: '2026-11-24', ...row, ...labels, sub: 'erased' }]);
  });

  it('prunes more than a page of a shard and nothing at or after the instant', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openLedger(database, {});
    // Of one shard, so that they are more than are deleted at once.
    const ids = Array.from({ length: 10_000 }, (_, nth) => `event-${nth}`);
    const old = ids
      .filter((id) => shardOf(id) === '7')
      .map((id) => usageEvent({ id, timeMs: NOON_MS - 1 }));
    assert(old.length > 400);
    const young = [usageEvent({ timeMs: NOON_MS }), usageEvent({ timeMs: NOON_MS + 1 })];
    await ledger.record([...old, ...young]);
    assert.equal(await ledger.prune(NOON_MS), old.length);
    assert.equal(await ledger.prune(NOON_MS), 0);
    const left = await ledger.events([...old, ...young].map(({ id }) => id));
    assert.deepEqual(byId(left), byId(young));
  });

  it('gives TTL an event at the end of the day on which its retention ends', async () => {
    await using database = openDatabaseAt(newPlace(host));
    await openLedger(database, { eventRetentionMonths: 3 }).record([usageEvent()]);
    await openLedger(database, {}).record([usageEvent()]);
    const expiries = (await documentsOf(database)).map((one) => one['expireAt']?.toMillis());
    assert.deepEqual(new Set(expiries), new Set([undefined, Date.UTC(2027, 1, 25)]));
  });

  it('keeps commits small, whatever the events hold', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openLedger(database, {});
    const groups = Array.from({ length: 500 }, (_, nth) => `group-${nth}-of-a-large-directory`);
    const events = Array.from({ length: 450 }, () => usageEvent({ groups }));
    const sizes = [...commits(events)].map((entries) =>
      entries.reduce((bytes, { text }) => bytes + text.length, 0),
    );
    assert(Math.max(...sizes) < 1_000_000, `${Math.max(...sizes)} bytes`);
    assert.equal((await ledger.record(events)).recorded.length, events.length);
    const small = Array.from({ length: 801 }, () => usageEvent());
    assert.deepEqual(
      [...commits(small)].map((entries) => entries.length),
      [400, 400, 1],
    );
  });
});

function byId(events: readonly UsageEvent[]): UsageEvent[] {
  return [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function documentsOf(database: FirestoreDatabase) {
  const { docs } = await database.run((documents) => documents.in('usage_event').get());
  return docs.map((one) => one.data());
}
