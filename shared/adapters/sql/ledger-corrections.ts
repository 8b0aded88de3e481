// A correction first locks its event: a pruned or erased one is then seen, and corrections of one
// event stand in one line.

import { microUsd } from '#shared/domain/money.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { CostCorrection, RecordResult } from '#shared/ports/ledger.ts';
import { uniqueCorrections } from '../ledger/checked.ts';
import { storedEvent } from '../ledger/stored-event.ts';
import { byBytes, chunked } from './chunks.ts';
import { addRollups, addSpend, correctionRow, spendRows } from './ledger-counters.ts';
import type { CostCorrectionTable } from './schema.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

export type CorrectResult = RecordResult & { readonly unknown: readonly string[] };

export async function correct(
  database: SqlDatabase,
  corrections: readonly CostCorrection[],
): Promise<CorrectResult> {
  const unique = [...uniqueCorrections(corrections).values()];
  if (unique.length === 0) return { recorded: [], duplicates: [], unknown: [] };
  return database.transaction(async (db) => {
    const events = await lockEvents(db, unique);
    const known = unique.filter(({ eventId }) => events.has(eventId));
    const recorded = await insert(db, known);
    const fresh = known.flatMap(({ id, eventId, amountMicroUsd }) => {
      const event = recorded.has(id) ? events.get(eventId) : undefined;
      return event === undefined ? [] : [{ event, amountMicroUsd }];
    });
    await addSpend(
      db,
      fresh.flatMap(({ event, amountMicroUsd }) => spendRows(event, amountMicroUsd)),
    );
    await addRollups(
      db,
      fresh.map(({ event, amountMicroUsd }) => correctionRow(event, amountMicroUsd)),
    );
    return {
      recorded: [...recorded],
      duplicates: known.flatMap(({ id }) => (recorded.has(id) ? [] : [id])),
      unknown: unique.flatMap(({ id, eventId }) => (events.has(eventId) ? [] : [id])),
    };
  });
}

async function lockEvents(db: Queries, corrections: readonly CostCorrection[]) {
  const ids = [...new Set(corrections.map(({ eventId }) => eventId))].sort(byBytes);
  // An update that changes nothing: it locks the rows, in both dialects.
  const rows = await db
    .updateTable('usage_event')
    .set((eb) => ({ outcome: eb.ref('outcome') }))
    .where('id', 'in', ids)
    .returning('event')
    .execute();
  return new Map(
    rows.map((row): [string, UsageEvent] => {
      const event = storedEvent(row.event);
      return [event.id, event];
    }),
  );
}

async function insert(db: Queries, corrections: readonly CostCorrection[]): Promise<Set<string>> {
  if (corrections.length === 0) return new Set();
  const positions = await db
    .selectFrom('cost_correction')
    .select((eb) => ['event_id', eb.fn.max('position').as('last')])
    .where(
      'event_id',
      'in',
      corrections.map(({ eventId }) => eventId),
    )
    .groupBy('event_id')
    .execute();
  const last = new Map(positions.map((row) => [row.event_id, row.last]));
  const rows = corrections.map((correction): CostCorrectionTable => {
    const position = (last.get(correction.eventId) ?? 0) + 1;
    last.set(correction.eventId, position);
    return correctionTable(correction, position);
  });
  const inserted = await db
    .insertInto('cost_correction')
    .values(rows.sort((a, b) => byBytes(a.id, b.id)))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  return new Set(inserted.map(({ id }) => id));
}

export async function readCorrections(
  db: Queries,
  eventIds: readonly string[],
): Promise<CostCorrection[]> {
  const found: CostCorrectionTable[] = [];
  for (const some of chunked([...new Set(eventIds)])) {
    const query = db.selectFrom('cost_correction').selectAll().where('event_id', 'in', some);
    found.push(...(await query.execute()));
  }
  return found.sort((a, b) => a.position - b.position).map(costCorrection);
}

function correctionTable(correction: CostCorrection, position: number): CostCorrectionTable {
  return {
    id: correction.id,
    event_id: correction.eventId,
    position,
    amount_micro_usd: correction.amountMicroUsd,
    price_book: correction.priceBook,
    price_row: correction.priceRow,
    posted_at_ms: correction.postedAtMs,
    actor: correction.actor,
    reason: correction.reason,
  };
}

function costCorrection(row: CostCorrectionTable): CostCorrection {
  return {
    id: row.id,
    eventId: row.event_id,
    amountMicroUsd: microUsd(row.amount_micro_usd),
    priceBook: row.price_book,
    priceRow: row.price_row,
    postedAtMs: row.posted_at_ms,
    actor: row.actor,
    reason: row.reason,
  };
}
