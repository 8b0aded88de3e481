// The counters that the ledger adds to. Rows go in sorted by key, so that concurrent writers take
// their locks in one order.

import type { AccountId } from '#shared/domain/account.ts';
import { microUsd } from '#shared/domain/money.ts';
import { bucketsAt, PERIODS } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { labelsOf } from '../ledger/rollup-labels.ts';
import { chargedAccounts } from '../ledger/stored-event.ts';
import { insertRows } from './insert-rows.ts';
import type { DailyRollupTable, SpendTable } from './schema.ts';
import type { Queries } from './sql-database.ts';

const SUMS = [
  ...(['events', 'estimated_events', 'input_tokens', 'output_tokens'] as const),
  ...(['cache_read_tokens', 'cache_write_tokens'] as const),
  ...(['cost_micro_usd', 'correction_micro_usd'] as const),
] as const;

/** One row per account and period of the event, for an amount that it costs (more). */
export function spendRows(event: UsageEvent, amountMicroUsd: number): SpendTable[] {
  const buckets = bucketsAt(event.timeMs);
  return chargedAccounts(event).flatMap((account: AccountId) =>
    PERIODS.map((period) => ({
      period,
      bucket: buckets[period],
      account,
      amount_micro_usd: amountMicroUsd,
    })),
  );
}

/** What an event adds to the rollup of its day. */
export function rollupRow(event: UsageEvent): DailyRollupTable {
  const { usage, estimated, costMicroUsd } = event;
  return {
    ...rollupKey(event),
    events: 1,
    estimated_events: estimated ? 1 : 0,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWrite5mTokens + usage.cacheWrite1hTokens,
    cost_micro_usd: costMicroUsd,
    correction_micro_usd: 0,
  };
}

/** What a correction of the event adds to the same rollup. */
export function correctionRow(event: UsageEvent, amountMicroUsd: number): DailyRollupTable {
  return {
    ...rollupKey(event),
    ...{ events: 0, estimated_events: 0, input_tokens: 0, output_tokens: 0 },
    ...{ cache_read_tokens: 0, cache_write_tokens: 0 },
    cost_micro_usd: amountMicroUsd,
    correction_micro_usd: amountMicroUsd,
  };
}

function rollupKey(event: UsageEvent) {
  const labels = labelsOf(event);
  return {
    day: bucketsAt(event.timeMs).daily,
    sub: event.sub,
    served_model: event.servedModel,
    upstream: event.upstream,
    labels_key: labels.key,
    groups: JSON.stringify(labels.groups),
    billing_group: labels.billingGroup,
  };
}

export async function addSpend(db: Queries, rows: readonly SpendTable[]): Promise<void> {
  await insertRows(db, addToSpend, mergedSpend(rows));
}

function addToSpend(db: Queries, rows: readonly SpendTable[]) {
  return db
    .insertInto('spend')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['period', 'bucket', 'account']).doUpdateSet((eb) => ({
        amount_micro_usd: eb('spend.amount_micro_usd', '+', eb.ref('excluded.amount_micro_usd')),
      })),
    );
}

export async function addRollups(db: Queries, rows: readonly DailyRollupTable[]): Promise<void> {
  await insertRows(db, addToRollups, mergedRollups(rows));
}

function addToRollups(db: Queries, rows: readonly DailyRollupTable[]) {
  return db
    .insertInto('daily_rollup')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['day', 'sub', 'served_model', 'upstream', 'labels_key'])
        .doUpdateSet((eb) =>
          Object.fromEntries(
            SUMS.map((name) => [name, eb(`daily_rollup.${name}`, '+', eb.ref(`excluded.${name}`))]),
          ),
        ),
    );
}

function mergedSpend(rows: readonly SpendTable[]): SpendTable[] {
  const sums = new Map<string, SpendTable>();
  for (const row of rows) {
    const key = JSON.stringify([row.period, row.bucket, row.account]);
    const known = sums.get(key);
    if (known === undefined) sums.set(key, { ...row });
    else known.amount_micro_usd = microUsd(known.amount_micro_usd + row.amount_micro_usd);
  }
  return sortedByKey(sums);
}

function mergedRollups(rows: readonly DailyRollupTable[]): DailyRollupTable[] {
  const sums = new Map<string, DailyRollupTable>();
  for (const row of rows) {
    const { day, sub, served_model, upstream, labels_key } = row;
    const key = JSON.stringify([day, sub, served_model, upstream, labels_key]);
    const known = sums.get(key);
    if (known === undefined) sums.set(key, { ...row });
    else for (const name of SUMS) known[name] += row[name];
  }
  return sortedByKey(sums);
}

function sortedByKey<Row>(rows: ReadonlyMap<string, Row>): Row[] {
  return [...rows]
    .map(([key, row]) => ({ key: Buffer.from(key), row }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ row }) => row);
}
