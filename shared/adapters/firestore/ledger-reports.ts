// What is read back from the counters. A day, a week or a month is in the documents of the months
// that it touches: one or two for the periods of one instant.

import { FieldPath, type QueryDocumentSnapshot } from '@google-cloud/firestore';
import type { AccountId } from '#shared/domain/account.ts';
import { type MicroUsd, microUsd, ZERO } from '#shared/domain/money.ts';
import { type Buckets, PERIODS, type Period } from '#shared/domain/period.ts';
import type { AccountTotal, DailyRollup, Page } from '#shared/ports/ledger.ts';
import { byBytes } from '../sql/chunks.ts';
import type { FirestoreDatabase } from './firestore-database.ts';
import { spendId } from './ledger-batches.ts';
import { QUERIES, startQuery } from './queries.ts';

const ROLLUPS_PER_PAGE = 1000;

interface SpendDocument {
  readonly account: AccountId;
  readonly month: string;
  readonly row: {
    readonly microUsd: number;
    readonly days?: Readonly<Record<string, number>>;
    readonly weeks?: Readonly<Record<string, number>>;
  };
}

export async function readSpend(
  database: FirestoreDatabase,
  account: AccountId,
  buckets: Buckets,
): Promise<Record<Period, MicroUsd>> {
  const found = await database.run((documents) => {
    const ids = monthsOf(buckets).map((month) => spendId(account, month));
    return documents.client.getAll(...ids.map((id) => documents.in('spend').doc(id)));
  });
  const spent = { daily: ZERO, weekly: ZERO, monthly: ZERO };
  const known = found.flatMap((one) => (one.exists ? [one.data() as SpendDocument] : []));
  for (const { period, amountMicroUsd } of totalsOf(account, known, buckets)) {
    spent[period] = amountMicroUsd;
  }
  return spent;
}

/** Accounts without any of the buckets fill no page: at the start of a month they are many. */
export async function readTotals(
  database: FirestoreDatabase,
  buckets: Buckets,
  after: string | null,
  limit: number,
): Promise<Page<AccountTotal>> {
  const rows: AccountTotal[] = [];
  let last = after;
  for (let left = limit; left > 0; ) {
    const { accounts, isEnd } = await readAccounts(database, buckets, last, left);
    for (const [account, found] of accounts) {
      const totals = totalsOf(account, found, buckets);
      rows.push(...totals);
      if (totals.length > 0) left -= 1;
    }
    if (isEnd) return { rows, next: null };
    last = accounts.at(-1)?.[0] ?? last;
  }
  return { rows, next: last };
}

/**
 * One index range per month, each one account longer than the page: the page's last account cannot
 * lie beyond any of them, so nothing of the accounts on the page is missing.
 */
async function readAccounts(
  database: FirestoreDatabase,
  buckets: Buckets,
  after: string | null,
  limit: number,
) {
  const fields = [
    new FieldPath('account'),
    new FieldPath('month'),
    new FieldPath('row', 'microUsd'),
    new FieldPath('row', 'days', buckets.daily),
    new FieldPath('row', 'weeks', buckets.weekly),
  ];
  const ranges = await database.run((documents) =>
    Promise.all(
      monthsOf(buckets).map((month) => {
        const query = startQuery(documents, QUERIES.spendByAccount, month).select(...fields);
        return (after === null ? query : query.startAfter(after)).limit(limit + 1).get();
      }),
    ),
  );
  const byAccount = new Map<AccountId, SpendDocument[]>();
  for (const { docs } of ranges) {
    for (const one of docs) {
      const found = one.data() as SpendDocument;
      byAccount.set(found.account, [...(byAccount.get(found.account) ?? []), found]);
    }
  }
  const accounts = [...byAccount].sort(([a], [b]) => byBytes(a, b));
  return { accounts: accounts.slice(0, limit), isEnd: accounts.length <= limit };
}

function totalsOf(
  account: AccountId,
  found: readonly SpendDocument[],
  buckets: Buckets,
): AccountTotal[] {
  return PERIODS.flatMap((period) => {
    const bucket = buckets[period];
    const parts = found.flatMap((document) => partOf(document, period, bucket) ?? []);
    if (parts.length === 0) return [];
    const amountMicroUsd = microUsd(parts.reduce((sum, part) => sum + part, 0));
    return [{ account, period, bucket, amountMicroUsd }];
  });
}

function partOf({ month, row }: SpendDocument, period: Period, bucket: string) {
  switch (period) {
    case 'daily':
      return row.days?.[bucket];
    case 'weekly':
      return row.weeks?.[bucket];
    case 'monthly':
      return month === bucket ? row.microUsd : undefined;
  }
}

function monthsOf({ daily, weekly, monthly }: Buckets): string[] {
  const [year = '', week = ''] = weekly.split('-W');
  // The 4th of January is in the first week of its year, always.
  const inFirstWeek = Temporal.PlainDate.from(`${year}-01-04`);
  const monday = inFirstWeek
    .subtract({ days: inFirstWeek.dayOfWeek - 1 })
    .add({ weeks: Number(week) - 1 });
  const edges = [monday, monday.add({ days: 6 })].map((day) => day.toString().slice(0, 7));
  return [...new Set([monthly, daily.slice(0, 7), ...edges])];
}

export async function readRollups(
  database: FirestoreDatabase,
  from: string,
  to: string,
): Promise<DailyRollup[]> {
  const rollups: DailyRollup[] = [];
  let after: QueryDocumentSnapshot | undefined;
  do {
    const { docs } = await database.run((documents) => {
      const query = startQuery(documents, QUERIES.rollupsByDay);
      const range = after === undefined ? query.startAt(from) : query.startAfter(after);
      return range.endAt(to).limit(ROLLUPS_PER_PAGE).get();
    });
    rollups.push(...docs.map((one) => ({ day: one.get('day'), ...one.get('row') })));
    after = docs.length < ROLLUPS_PER_PAGE ? undefined : docs.at(-1);
  } while (after !== undefined);
  return sortedByKey(rollups);
}

function sortedByKey(rollups: readonly DailyRollup[]): DailyRollup[] {
  return rollups
    .map((one) => {
      const key = Buffer.from([one.day, one.sub, one.servedModel, one.upstream].join('\0'));
      return { one, key };
    })
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ one }) => one);
}
