// How events are cut into commits, and what is stored of one.

import { type DocumentData, Timestamp } from '@google-cloud/firestore';
import { bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { shardOf } from './document-ids.ts';

const EVENTS_MAX = 400;
/** A tenth of what Firestore takes; the emulator hangs on a request of 4 MB. */
const BYTES_MAX = 900_000;
/** What an event adds beside its own text: names, and its share of the counters. */
const OVERHEAD_BYTES = 1200;
/** What each further account adds that it is charged to. */
const ACCOUNT_BYTES = 400;

/** An event as it is stored. */
export interface Entry {
  readonly event: UsageEvent;
  readonly text: string;
}

/** Cuts events into commits of a size that is safe. */
export function* commits(events: Iterable<UsageEvent>): Generator<readonly Entry[]> {
  let entries: Entry[] = [];
  let bytes = 0;
  for (const event of events) {
    const text = JSON.stringify(event);
    const size =
      Buffer.byteLength(text) + OVERHEAD_BYTES + (event.accounts.length - 1) * ACCOUNT_BYTES;
    if (entries.length === EVENTS_MAX || (entries.length > 0 && bytes + size > BYTES_MAX)) {
      yield entries;
      entries = [];
      bytes = 0;
    }
    entries.push({ event, text });
    bytes += size;
  }
  if (entries.length > 0) yield entries;
}

export function eventFields(
  { event, text }: Entry,
  writer: string,
  retentionMonths: number | null,
): DocumentData {
  const { id, timeMs, sub } = event;
  const fields = { shard: shardOf(id), timeMs, sub, event: text, writer };
  if (retentionMonths === null) return fields;
  return { ...fields, expireAt: expiryOf(bucketsAt(event.timeMs).daily, retentionMonths) };
}

/** TTL takes an event at the end of the day on which retention would. */
function expiryOf(day: string, months: number): Timestamp {
  const end = Temporal.PlainDate.from(day).add({ months }).add({ days: 1 });
  return Timestamp.fromMillis(end.toZonedDateTime('UTC').epochMilliseconds);
}
