// What the emulator can be made to show of a bad day: duplicates by the thousand, a database that
// does not answer, one that is gone, and one whose answer is lost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { NOON_MS } from '../../support/clock.ts';
import {
  type FirestorePlace,
  newPlace,
  onFirestoreEmulator,
  openDatabaseAt,
} from '../../support/firestore-instance.ts';
import { openLossyProxy } from '../../support/lossy-proxy.ts';
import { shuffled } from '../../support/shuffle.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { costOf, deliveredEvents } from './deliveries.ts';
import { correctionOf } from './reading.ts';
import { assertHolds } from './suite.ts';

const TODAY = bucketsAt(NOON_MS);
const SHORT_MS = 2000;

await onFirestoreEmulator('Ledger failures', (emulator) =>
  describe('Ledger failures: firestore', { timeout: 120_000 }, () => {
    it('counts 4000 events once that come three times each to six writers', async () => {
      const place = newPlace(emulator.host);
      await using writers = openLedgers(place, 6);
      const events = deliveredEvents(0, 4000);
      const deliveries = shuffled([...events, ...events, ...events], 5);
      const batches = batchesOf(deliveries);
      const recorded: string[] = [];
      await Promise.all(
        writers.ledgers.map(async (ledger) => {
          for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
            recorded.push(...(await ledger.record(batch)).recorded);
          }
        }),
      );
      assert.deepEqual(recorded.sort(), events.map(({ id }) => id).sort());
      await assertHolds(writers.ledgers[0], costOf(events));
    });

    it('rejects by the deadline and closes while frozen, and counts a retry once', async () => {
      const place = newPlace(emulator.host);
      await using patient = openLedgers(place, 1);
      await using hasty = openLedgers({ ...place, deadlineMs: SHORT_MS }, 1);
      const closing = openLedgers({ ...place, deadlineMs: SHORT_MS }, 1);
      const events = deliveredEvents(0, 50);
      await patient.ledgers[0].record(events.slice(0, 10));
      await Promise.all([hasty, closing].map(({ ledgers }) => connected(ledgers[0])));
      emulator.signal('SIGSTOP');
      try {
        const [ledger] = hasty.ledgers;
        const calls = [
          () => ledger.record(events),
          () => ledger.events(['x']),
          () => ledger.eventsBetween(0, NOON_MS, null, 1),
          () => ledger.correct([correctionOf('x', 1)]),
          () => ledger.corrections(['x']),
          () => ledger.erase('ada', 'erased'),
          () => ledger.spendOf('user:ada', TODAY),
          () => ledger.totals(TODAY, null, 1),
          () => ledger.rollups('2026-11-24', '2026-11-24'),
          () => ledger.prune(0),
          () => closing.ledgers[0].record(events),
        ];
        const refused = calls.map(assertUnavailable);
        await assertCloses(closing);
        await Promise.all(refused);
      } finally {
        emulator.signal('SIGCONT');
      }
      const { recorded, duplicates } = await patient.ledgers[0].record(events);
      assert.equal(recorded.length + duplicates.length, events.length);
      await assertHolds(patient.ledgers[0], costOf(events));
    });

    it('answers recorded, and counts once, when the answer of a commit is lost', async () => {
      await using proxy = await openLossyProxy(emulator.host);
      await using writers = openLedgers(newPlace(proxy.host), 1);
      const [ledger] = writers.ledgers;
      const events = deliveredEvents(0, 20);
      const known = events.slice(0, 5).map(({ id }) => id);
      await ledger.record(events.slice(0, 5));
      // The first answer says that some exist, the second which, the third that the rest is in.
      proxy.lose(3);
      const { recorded, duplicates } = await ledger.record(events);
      assert.equal(proxy.lost, 1);
      assert.deepEqual(duplicates, known);
      assert.deepEqual(
        recorded,
        events.slice(5).map(({ id }) => id),
      );
      await assertHolds(ledger, costOf(events));
    });

    it('answers recorded, and counts a correction once, when the answer is lost', async () => {
      await using proxy = await openLossyProxy(emulator.host);
      await using writers = openLedgers(newPlace(proxy.host), 1);
      const [ledger] = writers.ledgers;
      const events = deliveredEvents(0, 5);
      await ledger.record(events);
      const posted = events.map(({ id }) => correctionOf(id, 10));
      proxy.lose(2);
      const { recorded } = await ledger.correct(posted);
      assert.equal(proxy.lost, 1);
      assert.deepEqual(
        recorded,
        posted.map(({ id }) => id),
      );
      await assertHolds(ledger, costOf(events) + 50);
    });

    it('erases once when the answer of a commit is lost', async () => {
      await using proxy = await openLossyProxy(emulator.host);
      await using writers = openLedgers(newPlace(proxy.host), 1);
      const [ledger] = writers.ledgers;
      const events = deliveredEvents(0, 20);
      await ledger.record(events);
      // An answer in the middle: of reading, or of a commit that is found to be done.
      proxy.lose(8);
      await ledger.erase('person-1', 'erased');
      assert.equal(proxy.lost, 1);
      await assertHolds(ledger, costOf(events));
      const { monthly } = await ledger.spendOf('user:erased', TODAY);
      assert.equal(monthly, costOf(events.filter(({ sub }) => sub === 'person-1')));
    });

    it('rejects and closes while the database is gone, and goes on once it is back', async () => {
      const place = newPlace(emulator.host);
      await using patient = openLedgers({ ...place, deadlineMs: 30_000 }, 1);
      const hasty = openLedgers({ ...place, deadlineMs: SHORT_MS }, 1);
      await patient.ledgers[0].record([usageEvent()]);
      await emulator.kill();
      const event = usageEvent();
      const recording = patient.ledgers[0].record([event]);
      const refused = assertUnavailable(() => hasty.ledgers[0].record([event]));
      await assertCloses(hasty);
      await refused;
      await emulator.start();
      assert.deepEqual((await recording).recorded, [event.id], 'it was sent again by itself');
    });
  }),
);

type Several = readonly [Ledger, ...Ledger[]];

function openLedgers(place: FirestorePlace, count: number) {
  const databases = Array.from({ length: count }, () => openDatabaseAt(place));
  const ledgers = databases.map((database) => openFirestoreLedger(database));
  return {
    ledgers: ledgers as unknown as Several,
    async [Symbol.asyncDispose]() {
      for (const handle of [...ledgers, ...databases]) await handle[Symbol.asyncDispose]();
    },
  };
}

/** Of 1 to 300 events, always the same ones. */
function batchesOf<T>(items: readonly T[]): T[][] {
  const batches: T[][] = [];
  for (let at = 0; at < items.length; ) {
    const size = ((batches.length * 137) % 300) + 1;
    batches.push(items.slice(at, at + size));
    at += size;
  }
  return batches;
}

/** A first call may take longer than the short deadline, on a busy machine. */
async function connected(ledger: Ledger): Promise<void> {
  for (;;) {
    try {
      await ledger.events(['x']);
      return;
    } catch (caught) {
      assert(caught instanceof AppError && caught.code === 'unavailable', String(caught));
    }
  }
}

/** The calls in work are waited for, and nothing else. */
async function assertCloses(handles: AsyncDisposable): Promise<void> {
  const startedAt = performance.now();
  await handles[Symbol.asyncDispose]();
  const tookMs = performance.now() - startedAt;
  assert(tookMs < SHORT_MS + 3000, `closing took ${tookMs} ms`);
}

async function assertUnavailable(call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert(error instanceof AppError && error.code === 'unavailable', String(error));
    assert(error.cause instanceof Error && error.detail !== undefined);
    return true;
  });
}
