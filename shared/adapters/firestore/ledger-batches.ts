// What one commit writes: the events, and the counters that they add to. Documents of one person or
// day are touched once a commit, however many events they get: one document takes about one write a
// second for long, and each is paid for.

import { type DocumentData, FieldValue, Timestamp } from '@google-cloud/firestore';
import { userAccount } from '#shared/domain/account.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { hashedId, shardOf } from './document-ids.ts';

const EVENTS_MAX = 400;
/** A tenth of what Firestore takes; the emulator hangs on a request of 4 MB. */
const BYTES_MAX = 900_000;
/** What an event adds beside its own text: names, and its share of the counters. */
const OVERHEAD_BYTES = 1200;

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
    const size = Buffer.byteLength(text) + OVERHEAD_BYTES;
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
  const fields = { shard: shardOf(event.id), timeMs: event.timeMs, event: text, writer };
  if (retentionMonths === null) return fields;
  return { ...fields, expireAt: expiryOf(bucketsAt(event.timeMs).daily, retentionMonths) };
}

/** TTL takes an event at the end of the day on which retention would. */
function expiryOf(day: string, months: number): Timestamp {
  const end = Temporal.PlainDate.from(day).add({ months }).add({ days: 1 });
  return Timestamp.fromMillis(end.toZonedDateTime('UTC').epochMilliseconds);
}

/** Document id to what is merged into it. */
export type Increments = ReadonlyMap<string, DocumentData>;

/** One document per account and month. */
export function spendId(account: string, month: string): string {
  return `${hashedId(account)}_${month}`;
}

export function spendIncrements(entries: readonly Entry[]): Increments {
  const sums = new Map<string, { account: string; month: string; row: Sums }>();
  for (const { event } of entries) {
    const { daily, weekly, monthly } = bucketsAt(event.timeMs);
    const account = userAccount(event.sub);
    const id = spendId(account, monthly);
    const { row } = entryOf(sums, id, () => ({ account, month: monthly, row: {} }));
    // Of a week that crosses a month, each of the two documents has its part.
    addTo(row, ['microUsd'], event.costMicroUsd);
    addTo(row, ['days', daily], event.costMicroUsd);
    addTo(row, ['weeks', weekly], event.costMicroUsd);
  }
  return asIncrements(sums);
}

export function rollupIncrements(entries: readonly Entry[]): Increments {
  const sums = new Map<string, { day: string; row: Sums }>();
  for (const { event } of entries) {
    const { sub, servedModel, upstream, usage } = event;
    const day = bucketsAt(event.timeMs).daily;
    const id = `${hashedId(sub, servedModel, upstream)}_${day}`;
    const { row } = entryOf(sums, id, () => ({ day, row: { sub, servedModel, upstream } }));
    addTo(row, ['events'], 1);
    addTo(row, ['estimatedEvents'], event.estimated ? 1 : 0);
    addTo(row, ['inputTokens'], usage.inputTokens);
    addTo(row, ['outputTokens'], usage.outputTokens);
    addTo(row, ['cacheReadTokens'], usage.cacheReadTokens);
    addTo(row, ['cacheWriteTokens'], usage.cacheWrite5mTokens + usage.cacheWrite1hTokens);
    addTo(row, ['costMicroUsd'], event.costMicroUsd);
  }
  return asIncrements(sums);
}

interface Sums {
  [name: string]: number | string | Sums;
}

function entryOf<Entry>(entries: Map<string, Entry>, id: string, make: () => Entry): Entry {
  const known = entries.get(id) ?? make();
  entries.set(id, known);
  return known;
}

function addTo(sums: Sums, [name = '', ...rest]: readonly string[], amount: number): void {
  const known = sums[name];
  if (rest.length === 0) {
    sums[name] = (typeof known === 'number' ? known : 0) + amount;
    return;
  }
  const inner = typeof known === 'object' ? known : {};
  sums[name] = inner;
  addTo(inner, rest, amount);
}

function asIncrements(sums: ReadonlyMap<string, { readonly row: Sums }>): Increments {
  return new Map(
    [...sums].map(([id, fields]) => [id, { ...fields, row: incrementsOf(fields.row) }]),
  );
}

function incrementsOf(sums: Sums): DocumentData {
  return Object.fromEntries(
    Object.entries(sums).map(([name, value]) => {
      if (typeof value === 'number') return [name, FieldValue.increment(value)];
      return [name, typeof value === 'object' ? incrementsOf(value) : value];
    }),
  );
}
