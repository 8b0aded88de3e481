// Single events: written, read back by id and by time, aged out.

import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Page } from '#shared/ports/ledger.ts';
import { type EventCursor, renderCursor } from '../ledger/event-cursor.ts';
import { storedEvent } from '../ledger/stored-event.ts';
import { chunked } from './chunks.ts';
import { insertRows } from './insert-rows.ts';
import type { UsageEventTable } from './schema.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

/** What one statement of `prune` deletes. */
const PRUNED_ROWS_MAX = 5000;

function insertFresh(db: Queries, rows: readonly UsageEventTable[]) {
  return db
    .insertInto('usage_event')
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id');
}

/** Returns the ids that were not there yet: each is this call's to count. */
export async function insertEvents(
  db: Queries,
  events: readonly UsageEvent[],
): Promise<ReadonlySet<string>> {
  const inserted = await insertRows(db, insertFresh, events.map(eventRow));
  return new Set(inserted.map(({ id }) => id));
}

export function eventRow(event: UsageEvent): UsageEventTable {
  return {
    id: event.id,
    time_ms: event.timeMs,
    sub: event.sub,
    billing_group: event.billingGroup,
    session_id: event.sessionId,
    served_model: event.servedModel,
    upstream: event.upstream,
    outcome: event.outcome,
    cost_micro_usd: event.costMicroUsd,
    event: JSON.stringify(event),
  };
}

export async function readEvents(db: Queries, ids: readonly string[]): Promise<UsageEvent[]> {
  const found: UsageEvent[] = [];
  for (const some of chunked(ids)) {
    const rows = await db
      .selectFrom('usage_event')
      .select('event')
      .where('id', 'in', some)
      .execute();
    for (const row of rows) found.push(storedEvent(row.event));
  }
  return found;
}

export async function readEventsBetween(
  db: Queries,
  range: { readonly fromMs: number; readonly toMs: number },
  after: EventCursor | null,
  limit: number,
): Promise<Page<UsageEvent>> {
  const rows = await db
    .selectFrom('usage_event')
    .select('event')
    .where('time_ms', '>=', Math.max(range.fromMs, after?.timeMs ?? range.fromMs))
    .where('time_ms', '<', range.toMs)
    .$if(after !== null, (query) =>
      query.where((eb) =>
        eb.or([eb('time_ms', '>', after?.timeMs ?? 0), eb('id', '>', after?.id ?? '')]),
      ),
    )
    .orderBy('time_ms')
    .orderBy('id')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit).map((row) => storedEvent(row.event));
  const last = page.at(-1);
  return { rows: page, next: rows.length > limit && last ? renderCursor(last) : null };
}

/** In pieces that others can come between, and that take less than a statement may. */
export async function prune(database: SqlDatabase, beforeMs: number): Promise<number> {
  let pruned = 0;
  for (;;) {
    const { numDeletedRows } = await database.run((db) =>
      db
        .deleteFrom('usage_event')
        .where('id', 'in', (some) =>
          some
            .selectFrom('usage_event')
            .select('id')
            .where('time_ms', '<', beforeMs)
            .limit(PRUNED_ROWS_MAX),
        )
        .executeTakeFirst(),
    );
    pruned += Number(numDeletedRows);
    if (numDeletedRows < PRUNED_ROWS_MAX) return pruned;
  }
}
