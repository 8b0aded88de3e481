// Single events: read back by id and by time, aged out. There is no index by time alone: it would be
// written at its end. So what is found by time is merged from sixteen shards.

import type { QueryDocumentSnapshot } from '@google-cloud/firestore';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Page } from '#shared/ports/ledger.ts';
import { type EventCursor, renderCursor } from '../ledger/event-cursor.ts';
import { storedEvent } from '../ledger/stored-event.ts';
import { deleteFound } from './delete-found.ts';
import { SHARDS, spreadId } from './document-ids.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { QUERIES, startQuery } from './queries.ts';

const READ_TOGETHER = 300;
/** Shards are not even: what one has beyond its share of a page. */
const SHARD_MARGIN = 8;

export function eventRef(documents: Documents, id: string) {
  return documents.in('usage_event').doc(spreadId(id));
}

export function correctionRef(documents: Documents, id: string) {
  return documents.in('cost_correction').doc(spreadId(id));
}

export async function readEvents(database: FirestoreDatabase, ids: readonly string[]) {
  const unique = [...new Set(ids)];
  const events: UsageEvent[] = [];
  for (let at = 0; at < unique.length; at += READ_TOGETHER) {
    const found = await database.run((documents) => {
      const refs = unique.slice(at, at + READ_TOGETHER).map((id) => eventRef(documents, id));
      return documents.client.getAll(...refs, { fieldMask: ['event'] });
    });
    for (const one of found) if (one.exists) events.push(storedEvent(one.get('event')));
  }
  return events;
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What was read of one shard and is not on the page yet, ascending by time. */
interface Shard {
  readonly name: string;
  readonly waiting: QueryDocumentSnapshot[];
  last: QueryDocumentSnapshot | null;
  isEnd: boolean;
}

export async function readEventsBetween(
  database: FirestoreDatabase,
  range: Range,
  after: EventCursor | null,
  limit: number,
): Promise<Page<UsageEvent>> {
  const from = { ...range, fromMs: Math.max(range.fromMs, after?.timeMs ?? range.fromMs) };
  const pageSize = Math.ceil(limit / SHARDS.length) + SHARD_MARGIN;
  const shards = SHARDS.map((name): Shard => ({ name, waiting: [], last: null, isEnd: false }));
  const rows: UsageEvent[] = [];
  while (rows.length <= limit) {
    const instant = await nextInstant(shards, (shard) => fill(database, shard, from, pageSize));
    if (instant.length === 0) break;
    const events = instant.map((one) => storedEvent(one.get('event')));
    const isNew = ({ timeMs, id }: UsageEvent) =>
      after === null || timeMs > after.timeMs || id > after.id;
    rows.push(...events.filter(isNew).sort((a, b) => (a.id < b.id ? -1 : 1)));
  }
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, next: rows.length > limit && last ? renderCursor(last) : null };
}

/** All events of the earliest instant that is left; none at the end. */
async function nextInstant(
  shards: readonly Shard[],
  fillShard: (shard: Shard) => Promise<void>,
): Promise<QueryDocumentSnapshot[]> {
  await Promise.all(shards.map(fillShard));
  const timeOf = ({ waiting }: Shard): number => waiting[0]?.get('timeMs') ?? Infinity;
  const timeMs = Math.min(...shards.map(timeOf));
  const found: QueryDocumentSnapshot[] = [];
  for (const shard of timeMs === Infinity ? [] : shards) {
    while (timeOf(shard) === timeMs) {
      found.push(...shard.waiting.splice(0, 1));
      await fillShard(shard);
    }
  }
  return found;
}

async function fill(
  database: FirestoreDatabase,
  shard: Shard,
  { fromMs, toMs }: Range,
  pageSize: number,
): Promise<void> {
  if (shard.waiting.length > 0 || shard.isEnd) return;
  const { docs } = await database.run((documents) => {
    const query = startQuery(documents, QUERIES.eventsByAge, shard.name);
    const rest = shard.last === null ? query.startAt(fromMs) : query.startAfter(shard.last);
    return rest.endBefore(toMs).select('timeMs', 'event').limit(pageSize).get();
  });
  shard.waiting.push(...docs);
  shard.last = docs.at(-1) ?? null;
  shard.isEnd = docs.length < pageSize;
}

/** TTL deletes when it pleases, and expired documents answer until then. */
export async function prune(
  database: FirestoreDatabase,
  beforeMs: number,
  assertOpen: () => void,
): Promise<number> {
  const deleted = await Promise.all(
    SHARDS.map((shard) => {
      const find = (documents: Documents) => {
        assertOpen();
        const query = startQuery(documents, QUERIES.eventsByAge, shard);
        return query.endBefore(beforeMs).select('timeMs', 'corrections');
      };
      const withCorrections = (documents: Documents, found: QueryDocumentSnapshot) =>
        correctionIds(found).map((id) => correctionRef(documents, id));
      return deleteFound(database, find, { and: withCorrections });
    }),
  );
  return deleted.reduce((sum, count) => sum + count, 0);
}

/** Of the corrections of an event, in the order in which they were posted. */
export function correctionIds(event: { get(field: string): unknown }): readonly string[] {
  return (event.get('corrections') as readonly string[] | undefined) ?? [];
}
