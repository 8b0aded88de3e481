// Exactly once without reading first: the insert of an event decides whether it is counted, in the
// same transaction as its counters. Rows go in sorted by key, so that concurrent writers take their
// locks in one order. A batch costs one insert and two grouped upserts.

import { userAccount } from '#shared/domain/account.ts';
import { add, type MicroUsd, ZERO } from '#shared/domain/money.ts';
import { bucketsAt, PERIODS } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Ledger, RecordResult } from '#shared/ports/ledger.ts';
import { byBytes, chunked } from './chunks.ts';
import { createGate } from './gate.ts';
import { readRollups, readSpend, readTotals } from './ledger-reports.ts';
import type { DailyRollupTable, SpendTable } from './schema.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

/** What one statement of `prune` deletes. */
const PRUNED_ROWS_MAX = 5000;

/** The ledger on any SQL database; the caller closes the database after it. */
export function openSqlLedger(database: SqlDatabase): Ledger {
  const gate = createGate('the ledger');
  return {
    record: (events) =>
      gate.enter(async () =>
        events.length === 0
          ? { recorded: [], duplicates: [] }
          : database.transaction((db) => record(db, events)),
      ),
    events: (ids) => gate.enter(() => database.run((db) => readEvents(db, ids))),
    spendOf: (account, buckets) =>
      gate.enter(() => database.run((db) => readSpend(db, account, buckets))),
    totals: (buckets, after, limit) =>
      gate.enter(() => database.run((db) => readTotals(db, buckets, after, limit))),
    rollups: (from, to) => gate.enter(() => database.run((db) => readRollups(db, from, to))),
    prune: (beforeMs) => gate.enter(() => prune(database, beforeMs)),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}

async function record(db: Queries, events: readonly UsageEvent[]): Promise<RecordResult> {
  const byId = new Map<string, UsageEvent>();
  for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event);
  const unique = [...byId.values()].sort((a, b) => byBytes(a.id, b.id));
  const recorded = new Set<string>();
  for (const rows of chunked(unique)) {
    const inserted = await db
      .insertInto('usage_event')
      .values(rows.map(eventRow))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .execute();
    for (const { id } of inserted) recorded.add(id);
  }
  const fresh = unique.filter((event) => recorded.has(event.id));
  for (const rows of chunked(spendRows(fresh))) await addSpend(db, rows);
  for (const rows of chunked(rollupRows(fresh))) await addRollups(db, rows);
  const duplicates = unique.flatMap((event) => (recorded.has(event.id) ? [] : [event.id]));
  return { recorded: [...recorded], duplicates };
}

/** In pieces that others can come between, and that take less than a statement may. */
async function prune(database: SqlDatabase, beforeMs: number): Promise<number> {
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

function eventRow(event: UsageEvent) {
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

async function readEvents(db: Queries, ids: readonly string[]): Promise<UsageEvent[]> {
  const found: UsageEvent[] = [];
  for (const some of chunked(ids)) {
    const rows = await db
      .selectFrom('usage_event')
      .select('event')
      .where('id', 'in', some)
      .execute();
    for (const row of rows) found.push(JSON.parse(row.event));
  }
  return found;
}

function spendRows(events: readonly UsageEvent[]): SpendTable[] {
  const sums = new Map<string, SpendTable & { amount_micro_usd: MicroUsd }>();
  for (const event of events) {
    const account = userAccount(event.sub);
    const buckets = bucketsAt(event.timeMs);
    for (const period of PERIODS) {
      const bucket = buckets[period];
      const key = JSON.stringify([period, bucket, account]);
      const known = sums.get(key)?.amount_micro_usd ?? ZERO;
      const amount_micro_usd = add(known, event.costMicroUsd);
      sums.set(key, { period, bucket, account, amount_micro_usd });
    }
  }
  return sortedByKey(sums);
}

function rollupRows(events: readonly UsageEvent[]): DailyRollupTable[] {
  const sums = new Map<string, DailyRollupTable>();
  for (const { sub, servedModel, upstream, timeMs, usage, estimated, costMicroUsd } of events) {
    const day = bucketsAt(timeMs).daily;
    const key = JSON.stringify([day, sub, servedModel, upstream]);
    const known = sums.get(key);
    const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens;
    sums.set(key, {
      day,
      sub,
      served_model: servedModel,
      upstream,
      events: (known?.events ?? 0) + 1,
      estimated_events: (known?.estimated_events ?? 0) + (estimated ? 1 : 0),
      input_tokens: (known?.input_tokens ?? 0) + usage.inputTokens,
      output_tokens: (known?.output_tokens ?? 0) + usage.outputTokens,
      cache_read_tokens: (known?.cache_read_tokens ?? 0) + usage.cacheReadTokens,
      cache_write_tokens: (known?.cache_write_tokens ?? 0) + written,
      cost_micro_usd: (known?.cost_micro_usd ?? 0) + costMicroUsd,
    });
  }
  return sortedByKey(sums);
}

function sortedByKey<Row>(rows: ReadonlyMap<string, Row>): Row[] {
  return [...rows].sort(([a], [b]) => byBytes(a, b)).map(([, row]) => row);
}

async function addSpend(db: Queries, rows: readonly SpendTable[]): Promise<void> {
  await db
    .insertInto('spend')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['period', 'bucket', 'account']).doUpdateSet((eb) => ({
        amount_micro_usd: eb('spend.amount_micro_usd', '+', eb.ref('excluded.amount_micro_usd')),
      })),
    )
    .execute();
}

async function addRollups(db: Queries, rows: readonly DailyRollupTable[]): Promise<void> {
  await db
    .insertInto('daily_rollup')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['day', 'sub', 'served_model', 'upstream']).doUpdateSet((eb) => ({
        events: eb('daily_rollup.events', '+', eb.ref('excluded.events')),
        estimated_events: eb(
          'daily_rollup.estimated_events',
          '+',
          eb.ref('excluded.estimated_events'),
        ),
        input_tokens: eb('daily_rollup.input_tokens', '+', eb.ref('excluded.input_tokens')),
        output_tokens: eb('daily_rollup.output_tokens', '+', eb.ref('excluded.output_tokens')),
        cache_read_tokens: eb(
          'daily_rollup.cache_read_tokens',
          '+',
          eb.ref('excluded.cache_read_tokens'),
        ),
        cache_write_tokens: eb(
          'daily_rollup.cache_write_tokens',
          '+',
          eb.ref('excluded.cache_write_tokens'),
        ),
        cost_micro_usd: eb('daily_rollup.cost_micro_usd', '+', eb.ref('excluded.cost_micro_usd')),
      })),
    )
    .execute();
}
