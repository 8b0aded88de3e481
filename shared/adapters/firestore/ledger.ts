// Exactly once without a transaction: one atomic commit creates every event and increments its
// counters. An event that is there already fails the whole commit and nothing is counted; then the
// known ones are found and the rest is committed again. A call of more than 400 events is several
// commits: one that fails in the middle is sent again as a whole, and counts what was missing.

import { randomBytes, randomInt } from 'node:crypto';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Ledger, RecordResult } from '#shared/ports/ledger.ts';
import { parseCursor } from '../ledger/event-cursor.ts';
import { createGate } from '../sql/gate.ts';
import { pause } from './compare-and-swap.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import { commits, type Entry, eventFields } from './ledger-batches.ts';
import { correct, readCorrections } from './ledger-corrections.ts';
import { addCounts, SHARED_PARTS } from './ledger-counters.ts';
import { erase } from './ledger-erasure.ts';
import { eventRef, prune, readEvents, readEventsBetween } from './ledger-events.ts';
import { readRollups, readSpend, readTotals } from './ledger-reports.ts';

const ATTEMPTS_MAX = 30;

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
    eventsBetween: (fromMs, toMs, after, limit) =>
      gate.enter(() => readEventsBetween(database, { fromMs, toMs }, parseCursor(after), limit)),
    correct: (corrections) => gate.enter(() => correct(database, corrections)),
    corrections: (eventIds) => gate.enter(() => readCorrections(database, eventIds)),
    erase: (sub, pseudonym) => gate.enter(() => erase(database, sub, pseudonym)),
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
    batch.create(eventRef(documents, entry.event.id), eventFields(entry, writer, retentionMonths));
  }
  const counts = entries.map(({ event }) => ({
    event,
    costMicroUsd: event.costMicroUsd,
    isCorrection: false,
  }));
  addCounts(batch, documents, counts, randomInt(SHARED_PARTS));
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
  const refs = entries.map(({ event }) => eventRef(documents, event.id));
  const found = await documents.client.getAll(...refs, { fieldMask: ['writer'] });
  return new Map(
    entries.flatMap(({ event }, nth) => {
      const snapshot = found[nth];
      return snapshot?.exists === true ? [[event.id, String(snapshot.get('writer'))]] : [];
    }),
  );
}

function contended(): AppError {
  const detail = `events met others of the same id ${ATTEMPTS_MAX} times`;
  return new AppError('unavailable', 'the ledger is busy; try again in a moment', { detail });
}
