// What is read back from the counters.

import type { AccountId } from '#shared/domain/account.ts';
import { type MicroUsd, microUsd, ZERO } from '#shared/domain/money.ts';
import { type Buckets, PERIODS, type Period } from '#shared/domain/period.ts';
import type { AccountTotal, DailyRollup, Page } from '#shared/ports/ledger.ts';
import { byBytes } from './chunks.ts';
import type { Queries } from './sql-database.ts';

export async function readSpend(
  db: Queries,
  account: AccountId,
  buckets: Buckets,
): Promise<Record<Period, MicroUsd>> {
  const rows = await db
    .selectFrom('spend')
    .select(['period', 'amount_micro_usd'])
    .where('account', '=', account)
    .where((eb) =>
      eb.or(PERIODS.map((period) => eb.and({ period, bucket: buckets[period] as string }))),
    )
    .execute();
  const spent = { daily: ZERO, weekly: ZERO, monthly: ZERO };
  for (const row of rows) spent[row.period as Period] = microUsd(row.amount_micro_usd);
  return spent;
}

/**
 * One index range per period, each one account longer than the page: the page's last account cannot
 * lie beyond any of them, so nothing of the accounts on the page is missing.
 */
export async function readTotals(
  db: Queries,
  buckets: Buckets,
  after: string | null,
  limit: number,
): Promise<Page<AccountTotal>> {
  const found: AccountTotal[] = [];
  for (const period of PERIODS) {
    const bucket = buckets[period];
    const rows = await db
      .selectFrom('spend')
      .select(['account', 'amount_micro_usd'])
      .where('period', '=', period)
      .where('bucket', '=', bucket)
      .$if(after !== null, (query) => query.where('account', '>', after ?? ''))
      .orderBy('account')
      .limit(limit + 1)
      .execute();
    for (const row of rows) {
      const account = row.account as AccountId;
      found.push({ account, period, bucket, amountMicroUsd: microUsd(row.amount_micro_usd) });
    }
  }
  const accounts = [...new Set(found.map((total) => total.account))].sort(byBytes);
  const onPage = new Set(accounts.slice(0, limit));
  const rows = found
    .filter((total) => onPage.has(total.account))
    .sort((a, b) => byBytes(a.account, b.account));
  return { rows, next: accounts.length > limit ? (accounts[limit - 1] ?? null) : null };
}

export async function readRollups(db: Queries, from: string, to: string): Promise<DailyRollup[]> {
  const rows = await db
    .selectFrom('daily_rollup')
    .selectAll()
    .where('day', '>=', from)
    .where('day', '<=', to)
    .orderBy('day')
    .orderBy('sub')
    .orderBy('served_model')
    .orderBy('upstream')
    .orderBy('labels_key')
    .execute();
  return rows.map((row) => ({
    day: row.day,
    sub: row.sub,
    groups: JSON.parse(row.groups),
    billingGroup: row.billing_group,
    servedModel: row.served_model,
    upstream: row.upstream,
    events: row.events,
    estimatedEvents: row.estimated_events,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    costMicroUsd: microUsd(row.cost_micro_usd),
    correctionMicroUsd: microUsd(row.correction_micro_usd),
  }));
}
