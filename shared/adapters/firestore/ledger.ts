// Exactly once without a transaction: one atomic commit creates every event and increments its
// counters. An event that is there already fails the whole commit and nothing is counted; then the
// known ones are found and the rest is committed again. A call of more than 400 events is several
// commits: one that fails in the middle is sent again as a whole, and counts what was missing.

import { randomBytes } from 'node:crypto';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Ledger, RecordResult } from '#shared/ports/ledger.ts';
import { createGate } from '../sql/gate.ts';
import { pause } from './compare-and-swap.ts';
import { deleteFound } from './delete-found.ts';
import { SHARDS, spreadId } from './document-ids.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import {
  commits,
  type Entry,
  eventFields,
  rollupIncrements,
  spendIncrements,
} from './ledger-batches.ts';
import { readRollups, readSpend, readTotals } from './ledger-reports.ts';
import { QUERIES, startQuery } from './queries.ts';

const ATTEMPTS_MAX = 30;
const READ_TOGETHER = 300;

export interface FirestoreLedgerOptions {
  /** For the TTL policy on `expireAt`; absent: only `prune` ages events out. */
  readonly eventRetentionMonths?: number;
}

interface Write {
  readonly database: FirestoreDatabase;
  /** Tells this call's events from those that were there. */
  readonly writer: string;
  readonly retentionMonths: number | null;
}

/** The ledger on Firestore; the caller closes the database after it. */
export function openLedger(database: FirestoreDatabase, options: FirestoreLedgerOptions): Ledger {
  const gate = createGate('the ledger');
  const retentionMonths = options.eventRetentionMonths ?? null;
  return {
    record: (events) =>
      gate.enter(() => {
        const writer = randomBytes(8).toString('hex');
        return record({ database, writer, retentionMonths }, events);
      }),
    events: (ids) => gate.enter(() => readEvents(database, ids)),
    spendOf: (account, buckets) => gate.enter(() => readSpend(database, account, buckets)),
    totals: (buckets, after, limit) =>
      gate.enter(() => readTotals(database, buckets, after, limit)),
    rollups: (from, to) => gate.enter(() => readRollups(database, from, to)),
    prune: (beforeMs) => gate.enter(() => prune(database, beforeMs, gate.assertOpen)),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}

async function record(write: Write, events: readonly UsageEvent[]): Promise<RecordResult> {
  const unique = new Map<string, UsageEvent>();
  for (const event of events) if (!unique.has(event.id)) unique.set(event.id, event);
  const duplicates = new Set<string>();
  for (const entries of commits(unique.values())) {
    for (const id of await recordEntries(write, entries)) duplicates.add(id);
  }
  const recorded = [...unique.keys()].filter((id) => !duplicates.has(id));
  return { recorded, duplicates: [...duplicates] };
}

/** Returns the ids that the ledger had already. */
async function recordEntries(write: Write, entries: readonly Entry[]): Promise<string[]> {
  const duplicates: string[] = [];
  let todo = entries;
  for (let attempt = 0; todo.length > 0; attempt += 1) {
    if (attempt === ATTEMPTS_MAX) throw contended();
    const isCommitted = await write.database.run(async (documents) => {
      if (attempt > 1) await pause(attempt, documents.signal);
      return commitEntries(documents, write, todo);
    });
    if (isCommitted) break;
    const writers = await write.database.run((documents) => readWriters(documents, todo));
    // Its own: the client sent the commit twice, because the first answer was lost.
    duplicates.push(
      ...todo.flatMap(({ event: { id } }) => {
        const writer = writers.get(id);
        return writer === undefined || writer === write.writer ? [] : [id];
      }),
    );
    todo = todo.filter(({ event }) => !writers.has(event.id));
  }
  return duplicates;
}

async function commitEntries(
  documents: Documents,
  { writer, retentionMonths }: Write,
  entries: readonly Entry[],
): Promise<boolean> {
  const batch = documents.client.batch();
  for (const entry of entries) {
    const ref = documents.in('usage_event').doc(spreadId(entry.event.id));
    batch.create(ref, eventFields(entry, writer, retentionMonths));
  }
  for (const [id, fields] of spendIncrements(entries)) {
    batch.set(documents.in('spend').doc(id), fields, { merge: true });
  }
  for (const [id, fields] of rollupIncrements(entries)) {
    batch.set(documents.in('daily_rollup').doc(id), fields, { merge: true });
  }
  try {
    await batch.commit();
    return true;
  } catch (caught) {
    if (isMoved(caught)) return false;
    throw caught;
  }
}

/** Who wrote the events that exist, by event id. */
async function readWriters(documents: Documents, entries: readonly Entry[]) {
  const refs = entries.map(({ event }) => documents.in('usage_event').doc(spreadId(event.id)));
  const found = await documents.client.getAll(...refs, { fieldMask: ['writer'] });
  return new Map(
    entries.flatMap(({ event }, nth) => {
      const snapshot = found[nth];
      return snapshot?.exists === true ? [[event.id, String(snapshot.get('writer'))]] : [];
    }),
  );
}

async function readEvents(database: FirestoreDatabase, ids: readonly string[]) {
  const unique = [...new Set(ids)];
  const events: UsageEvent[] = [];
  for (let at = 0; at < unique.length; at += READ_TOGETHER) {
    const found = await database.run((documents) => {
      const refs = unique
        .slice(at, at + READ_TOGETHER)
        .map((id) => documents.in('usage_event').doc(spreadId(id)));
      return documents.client.getAll(...refs, { fieldMask: ['event'] });
    });
    for (const one of found) if (one.exists) events.push(JSON.parse(one.get('event')));
  }
  return events;
}

/**
 * TTL deletes when it pleases, and expired documents answer until then. So what is too old is
 * deleted here, found by shard and time: an index on the time alone would be written at its end.
 */
async function prune(
  database: FirestoreDatabase,
  beforeMs: number,
  assertOpen: () => void,
): Promise<number> {
  const deleted = await Promise.all(
    SHARDS.map((shard) =>
      deleteFound(database, (documents) => {
        assertOpen();
        const query = startQuery(documents, QUERIES.eventsByAge, shard);
        return query.endBefore(beforeMs).select('timeMs');
      }),
    ),
  );
  return deleted.reduce((sum, count) => sum + count, 0);
}

function contended(): AppError {
  const detail = `events met others of the same id ${ATTEMPTS_MAX} times`;
  return new AppError('unavailable', 'the ledger is busy; try again in a moment', { detail });
}
