// What the journal's tests write, what they expect to stand, and the child that is killed while it
// writes.

import { openSync, writeSync } from 'node:fs';
import { openFileQuotaJournal } from '#shared/adapters/quota-store/file-journal.ts';
import type { JournalChange, QuotaJournal } from '#shared/adapters/quota-store/memory.ts';
import type { MicroUsd } from '#shared/domain/money.ts';
import type { OutboxEntry, Reservation } from '#shared/domain/quota.ts';
import { createMemoryLog } from '../../support/log.ts';

export function reservation(id: string, amountMicroUsd = 1): Reservation {
  return {
    ...{ id, accounts: ['user:ünal'], amountMicroUsd: amountMicroUsd as MicroUsd },
    ...{ expiresAtMs: 1_000, draft: `{"draft":"${'x'.repeat(200)}\n"}` },
  };
}

export function outboxEntry(id: string): OutboxEntry {
  return {
    ...{ id, accounts: ['user:ünal'], amountMicroUsd: 2 as MicroUsd, chargedAtMs: 5 },
    ...{ settledAtMs: 6, event: `{"id":"${id}"}` },
  };
}

/** What stands after some changes, in the plainest way. */
export function standingAfter(changes: readonly JournalChange[]): ReturnType<QuotaJournal['load']> {
  const reservations = new Map<string, Reservation>();
  const outbox = new Map<string, OutboxEntry>();
  for (const change of changes) {
    reservations.delete(change.dropReservation ?? '');
    if (change.putReservation) reservations.set(change.putReservation.id, change.putReservation);
    if (change.putOutbox) outbox.set(change.putOutbox.id, change.putOutbox);
    for (const id of change.dropOutbox ?? []) outbox.delete(id);
  }
  return byId({ reservations: [...reservations.values()], outbox: [...outbox.values()] });
}

export function byId({ reservations, outbox }: ReturnType<QuotaJournal['load']>) {
  const ascending = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
  return { reservations: reservations.sort(ascending), outbox: outbox.sort(ascending) };
}

const CHILD_COMPACTS_FROM = 20_000;

/** As a child opens it: it compacts many times a second. */
export function openSmallJournal(path: string): Promise<QuotaJournal> {
  return openFileQuotaJournal({
    ...{ path, log: createMemoryLog(), compactFromBytes: CHILD_COMPACTS_FROM },
  });
}

/** What became of a request, in their order. */
export const STEPS: readonly string[] = ['unknown', 'reserved', 'settled', 'applied'];

/**
 * Requests for ever, several at a time. Each step is written to `told` when it is acknowledged: what
 * is printed could still wait in a full pipe when the process is killed. Prints the ids that are done.
 */
export async function writeForEver(
  journal: QuotaJournal,
  print: (line: string) => void,
  told: string,
): Promise<void> {
  const fd = openSync(told, 'w');
  const tell = (id: string, step: string) => writeSync(fd, `${id} ${step}\n`);
  let next = 0;
  const client = async () => {
    for (;;) {
      const id = `request-${next++}`;
      await journal.write({ putReservation: reservation(id) });
      tell(id, 'reserved');
      await journal.write({ dropReservation: id, putOutbox: outboxEntry(id) });
      tell(id, 'settled');
      await journal.write({ dropOutbox: [id] });
      tell(id, 'applied');
      print(id);
    }
  };
  await Promise.all(Array.from({ length: 7 }, client));
}
