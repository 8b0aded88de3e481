// What is read back from the counters. A day, a week or a month is in the documents of the months
// that it touches: one or two for the periods of one instant.

import { FieldPath, type QueryDocumentSnapshot } from '@google-cloud/firestore';
import type { AccountId } from '#shared/domain/account.ts';
import { type MicroUsd, microUsd, ZERO } from '#shared/domain/money.ts';
import { type Buckets, PERIODS, type Period } from '#shared/domain/period.ts';
import type { AccountTotal, DailyRollup, Page } from '#shared/ports/ledger.ts';
import { labelsOf } from '../ledger/rollup-labels.ts';
import { byBytes } from '../sql/chunks.ts';
import type { FirestoreDatabase } from './firestore-database.ts';
import { SHARED_PARTS, spendIds } from './ledger-counters.ts';
import { QUERIES, startQuery } from './queries.ts';

const ROLLUPS_PER_PAGE = 1000;

interface SpendDocument {
  readonly account: AccountId;
  readonly month: string;
  readonly row: {
    readonly microUsd?: number;
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
    const ids = monthsOf(buckets).flatMap((month) => spendIds(account, month));
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
  const byAccount = new Map<AccountId, SpendDocument[]>();
  const ranges = await Promise.all(
    monthsOf(buckets).map((month) => readRange(database, { month, buckets, after, limit })),
  );
  for (const found of ranges.flat()) {
    byAccount.set(found.account, [...(byAccount.get(found.account) ?? []), found]);
  }
  const accounts = [...byAccount].sort(([a], [b]) => byBytes(a, b));
  return { accounts: accounts.slice(0, limit), isEnd: accounts.length <= limit };
}

interface Range {
  readonly month: string;
  readonly buckets: Buckets;
  readonly after: string | null;
  readonly limit: number;
}

/** All documents of `limit` accounts, and some of one more. Accounts that are shared have many. */
async function readRange(
  database: FirestoreDatabase,
  { month, buckets, after, limit }: Range,
): Promise<SpendDocument[]> {
  const fields = [
    new FieldPath('account'),
    new FieldPath('month'),
    new FieldPath('row', 'microUsd'),
    new FieldPath('row', 'days', buckets.daily),
    new FieldPath('row', 'weeks', buckets.weekly),
  ];
  const pageSize = Math.max(limit + 1, SHARED_PARTS);
  const rows: SpendDocument[] = [];
  const accounts = new Set<AccountId>();
  let last: QueryDocumentSnapshot | string | null = after;
  for (;;) {
    const { docs } = await database.run((documents) => {
      const query = startQuery(documents, QUERIES.spendByAccount, month).select(...fields);
      return (last === null ? query : query.startAfter(last)).limit(pageSize).get();
    });
    for (const one of docs) {
      const found = one.data() as SpendDocument;
      rows.push(found);
      accounts.add(found.account);
    }
    if (docs.length < pageSize || accounts.size > limit) return rows;
    last = docs.at(-1) ?? null;
  }
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
    rollups.push(...docs.map(rollupOf));
    after = docs.length < ROLLUPS_PER_PAGE ? undefined : docs.at(-1);
  } while (after !== undefined);
  return sortedByKey(rollups);
}

/** Documents of before there were labels and corrections have none. */
export function rollupOf(one: QueryDocumentSnapshot): DailyRollup {
  const unlabelled = { groups: [], billingGroup: null, correctionMicroUsd: ZERO };
  return { day: one.get('day'), ...unlabelled, ...one.get('row') };
}

function sortedByKey(rollups: readonly DailyRollup[]): DailyRollup[] {
  return rollups
    .map((one) => {
      const labels = labelsOf(one).key;
      const key = Buffer.from([one.day, one.sub, one.servedModel, one.upstream, labels].join('\0'));
      return { one, key };
    })
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ one }) => one);
}
