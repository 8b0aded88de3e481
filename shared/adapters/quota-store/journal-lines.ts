// What a quota journal's lines come to: a line is a `JournalChange` as JSON, and what stands is what
// their sequence left. The records are the store's own objects, not copies.

import type { OutboxEntry, Reservation } from '#shared/domain/quota.ts';
import type { JournalChange } from './memory.ts';

export interface JournalRecords {
  readonly reservations: ReadonlyMap<string, Reservation>;
  readonly outbox: ReadonlyMap<string, OutboxEntry>;
  apply(change: JournalChange): void;
  /** How many records stand. */
  count(): number;
  /** Of what stands at the moment of the call, oldest first. */
  changes(): JournalChange[];
}

export function createJournalRecords(): JournalRecords {
  const reservations = new Map<string, Reservation>();
  const outbox = new Map<string, OutboxEntry>();
  return {
    reservations,
    outbox,
    apply({ putReservation, dropReservation, putOutbox, dropOutbox }) {
      if (dropReservation !== undefined) reservations.delete(dropReservation);
      if (putReservation !== undefined) reservations.set(putReservation.id, putReservation);
      if (putOutbox !== undefined) outbox.set(putOutbox.id, putOutbox);
      if (dropOutbox !== undefined) for (const id of dropOutbox) outbox.delete(id);
    },
    count: () => reservations.size + outbox.size,
    changes: () => [
      ...Array.from(outbox.values(), (putOutbox) => ({ putOutbox })),
      ...Array.from(reservations.values(), (putReservation) => ({ putReservation })),
    ],
  };
}

export function journalLine(change: JournalChange): string {
  return `${JSON.stringify(change)}\n`;
}

/** Texts of some 64 KB, made when they are asked for. */
export function* journalTexts(changes: Iterable<JournalChange>): Generator<string> {
  let text = '';
  for (const change of changes) {
    text += journalLine(change);
    if (text.length < TEXT_LENGTH) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

export const TEXT_LENGTH = 65_536;

/** @throws TypeError when the value is not what `journalLine` wrote. */
export function parseChange(value: unknown): JournalChange {
  const change = Object(value) as JournalChange;
  const { putReservation, dropReservation, putOutbox, dropOutbox } = change;
  const isChange =
    [putReservation?.id, dropReservation, putOutbox?.id].some((id) => typeof id === 'string') ||
    Array.isArray(dropOutbox);
  if (!isChange) throw new TypeError('not a change of the quota journal');
  return change;
}
