// Events by time.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { NOON_MS } from '../../support/clock.ts';
import { shuffled } from '../../support/shuffle.ts';
import { usageEvent } from '../../support/usage-event.ts';
import type { LedgerHarness } from './reading.ts';

export function byTime({ open }: LedgerHarness): void {
  it('answers the events of a span by time and id, whatever the page', async () => {
    await using ledger = await open();
    // Many of one instant: more than a page of some pages below.
    const times = [0, 0, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 7, 8, 9, 10];
    const events = Array.from({ length: 34 }, (_, nth) =>
      usageEvent({ timeMs: NOON_MS + (times[nth % times.length] ?? 0) }),
    );
    await ledger.port.record(shuffled(events, 3));
    const wanted = events
      .filter(({ timeMs }) => timeMs >= NOON_MS + 1 && timeMs < NOON_MS + 10)
      .sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1));
    for (const limit of [3, wanted.length - 1, wanted.length, 1000]) {
      const pages: UsageEvent[][] = [];
      let after: string | null = null;
      do {
        const page = await ledger.port.eventsBetween(NOON_MS + 1, NOON_MS + 10, after, limit);
        pages.push([...page.rows]);
        after = page.next;
      } while (after !== null);
      assert.deepEqual(pages.flat(), wanted, `pages of ${limit}`);
      assert.equal(pages.length, Math.ceil(wanted.length / limit), `pages of ${limit}`);
    }
  });

  it('answers an empty page for a span without events', async () => {
    await using ledger = await open();
    const nothing = { rows: [], next: null };
    assert.deepEqual(await ledger.port.eventsBetween(0, NOON_MS, null, 10), nothing);
    await ledger.port.record([usageEvent()]);
    assert.deepEqual(await ledger.port.eventsBetween(0, NOON_MS, null, 10), nothing);
    assert.deepEqual(await ledger.port.eventsBetween(NOON_MS + 1, 2 * NOON_MS, null, 10), nothing);
    assert.deepEqual(await ledger.port.eventsBetween(NOON_MS, NOON_MS, null, 10), nothing);
  });

  it('refuses a place in the list that no page named', async () => {
    await using ledger = await open();
    await assert.rejects(
      ledger.port.eventsBetween(0, NOON_MS, 'nowhere', 10),
      (error) => error instanceof AppError && error.code === 'invalid_request',
    );
  });
}
