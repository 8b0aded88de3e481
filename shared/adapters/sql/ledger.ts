// Exactly once without reading first: the insert of an event decides whether it is counted, in the
// same transaction as its counters. A batch costs one insert and two grouped upserts.

import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Ledger, RecordResult } from '#shared/ports/ledger.ts';
import { parseCursor } from '../ledger/event-cursor.ts';
import { byBytes } from './chunks.ts';
import { createGate } from './gate.ts';
import { correct, readCorrections } from './ledger-corrections.ts';
import { addRollups, addSpend, rollupRow, spendRows } from './ledger-counters.ts';
import { erase } from './ledger-erasure.ts';
import { insertEvents, prune, readEvents, readEventsBetween } from './ledger-events.ts';
import { readRollups, readSpend, readTotals } from './ledger-reports.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

/** The ledger on any SQL database; the caller closes the database after it. */
export function openSqlLedger(database: SqlDatabase): Ledger {
  const gate = createGate('the ledger');
  const run = <T>(work: (db: Queries) => Promise<T>) => gate.enter(() => database.run(work));
  return {
    record: (events) =>
      gate.enter(async () =>
        events.length === 0
          ? { recorded: [], duplicates: [] }
          : database.transaction((db) => record(db, events)),
      ),
    events: (ids) => run((db) => readEvents(db, ids)),
    eventsBetween: (fromMs, toMs, after, limit) =>
      run((db) => readEventsBetween(db, { fromMs, toMs }, parseCursor(after), limit)),
    correct: (corrections) => gate.enter(() => correct(database, corrections)),
    corrections: (eventIds) => run((db) => readCorrections(db, eventIds)),
    erase: (sub, pseudonym) => gate.enter(() => erase(database, sub, pseudonym)),
    spendOf: (account, buckets) => run((db) => readSpend(db, account, buckets)),
    totals: (buckets, after, limit) => run((db) => readTotals(db, buckets, after, limit)),
    rollups: (from, to) => run((db) => readRollups(db, from, to)),
    prune: (beforeMs) => gate.enter(() => prune(database, beforeMs)),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}

async function record(db: Queries, events: readonly UsageEvent[]): Promise<RecordResult> {
  const byId = new Map<string, UsageEvent>();
  for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event);
  const unique = [...byId.values()].sort((a, b) => byBytes(a.id, b.id));
  const recorded = await insertEvents(db, unique);
  const fresh = unique.filter((event) => recorded.has(event.id));
  await addSpend(
    db,
    fresh.flatMap((event) => spendRows(event, event.costMicroUsd)),
  );
  await addRollups(db, fresh.map(rollupRow));
  const duplicates = unique.flatMap((event) => (recorded.has(event.id) ? [] : [event.id]));
  return { recorded: [...recorded], duplicates };
}
