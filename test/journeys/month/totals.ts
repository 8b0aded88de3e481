// The product's totals and alerts against the books, when nothing is in flight.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { AccountId } from '#shared/domain/account.ts';
import type { AccountTotal } from '#shared/ports/ledger.ts';
import { type BookPerson, type Books, budgetsOf, capsOver, type Measured } from './books.ts';
import { bucketName, DAY, PERIOD_NAMES } from './calendar.ts';
import { THRESHOLDS, type World } from './world.ts';

const PAGE = 500;

/** Every counter of every bucket of a stretch, in both directions. Answers a digest of them. */
export async function checkTotals(
  world: World,
  books: Books,
  startMs: number,
  endMs: number,
): Promise<string> {
  const found = new Map<string, bigint>();
  const buckets = new Set<string>();
  for (let day = startMs; day < endMs; day += DAY) {
    for (const { account, bucket, amountMicroUsd } of await totalsOf(world, day)) {
      found.set(`${account}|${bucket}`, BigInt(amountMicroUsd));
    }
    for (const period of PERIOD_NAMES) buckets.add(bucketName(period, day));
  }
  const expected = new Map(
    [...books.sums].filter(([key]) => buckets.has(key.slice(key.lastIndexOf('|') + 1))),
  );
  assert.deepEqual(sorted(found), sorted(expected));
  await checkRollups(world, books, startMs, endMs);
  await checkStore(world, books, endMs - 1);
  return createHash('sha256').update(sorted(found).join()).digest('hex');
}

async function totalsOf({ ledger }: World, atMs: number): Promise<AccountTotal[]> {
  const [daily, weekly, monthly] = PERIOD_NAMES.map((period) => bucketName(period, atMs));
  assert(daily !== undefined && weekly !== undefined && monthly !== undefined);
  const rows: AccountTotal[] = [];
  let after: string | null = null;
  do {
    const page = await ledger.totals({ daily, weekly, monthly }, after, PAGE);
    rows.push(...page.rows);
    after = page.next;
  } while (after !== null);
  return rows;
}

async function checkRollups(world: World, books: Books, startMs: number, endMs: number) {
  const from = bucketName('daily', startMs);
  const to = bucketName('daily', endMs - 1);
  const sums = new Map<string, bigint>();
  for (const { day, sub, costMicroUsd } of await world.ledger.rollups(from, to)) {
    const key = `user:${sub}|${day}`;
    sums.set(key, (sums.get(key) ?? 0n) + BigInt(costMicroUsd));
  }
  const expected = [...books.sums].filter(([key]) => {
    const bucket = key.slice(key.lastIndexOf('|') + 1);
    return key.startsWith('user:') && bucket.length === 10 && bucket >= from && bucket <= to;
  });
  assert.deepEqual(sorted(sums), sorted(new Map(expected)));
}

/** The quota store agrees, with nothing pending and nothing reserved. */
async function checkStore(world: World, books: Books, atMs: number): Promise<void> {
  const accounts = [
    ...new Set([...books.sums.keys()].map((key) => key.split('|')[0] as AccountId)),
  ];
  for (const row of await world.quota().spend(accounts, atMs)) {
    // A request that ended after midnight has opened the next bucket already.
    if (row.bucket !== bucketName(row.period, atMs)) continue;
    const key = `${row.account}|${row.bucket}`;
    const stands = [row.ledgeredMicroUsd, row.pendingMicroUsd, row.reservedMicroUsd].map(BigInt);
    assert.deepEqual(stands, [books.sums.get(key) ?? 0n, 0n, 0n], key);
  }
}

/** Told once each and truly; and whatever stands above a threshold now has been told. */
export async function checkAlerts(
  world: World,
  books: Books,
  people: readonly BookPerson[],
  models: readonly string[],
): Promise<void> {
  await world.notice().recheck(new AbortController().signal);
  const told = new Set<string>();
  for (const alert of world.alerts) {
    assert(alert.type === 'spend.threshold');
    const { limit, account, threshold_percent: percent } = alert;
    const who =
      account.type === 'user' ? account.sub : account.type === 'group' ? account.group : '';
    const own = limit.model === null ? `user:${who}` : `model:${limit.model}:user:${who}`;
    const name =
      account.type === 'user' ? own : account.type === 'group' ? `pool:${who}` : 'organization';
    const amount = microOf(limit.amount_usd);
    const key = [limit.id, name, limit.bucket, amount, percent].join(' ');
    assert(!told.has(key), `told twice: ${key}`);
    told.add(key);
    const spent = microOf(alert.spent_usd);
    assert(spent * 100n >= amount * BigInt(percent), key);
    assert(spent <= (books.sums.get(`${name}|${limit.bucket}`) ?? 0n), key);
  }
  const atMs = Date.parse(world.alerts.at(-1)?.timestamp ?? '');
  for (const one of standingNow(books, people, models, atMs)) {
    const spent = one.amount - one.unspent;
    const reached = THRESHOLDS.filter((each) => spent * 100n >= one.amount * BigInt(each));
    if (one.amount === 0n || reached.length === 0) continue;
    const key = [one.name, one.account, one.bucket, one.amount, Math.max(...reached)].join(' ');
    assert(told.has(key), `never told: ${key}`);
  }
}

function standingNow(
  books: Books,
  people: readonly BookPerson[],
  models: readonly string[],
  atMs: number,
): Measured[] {
  const capped = models.filter((name) => books.rows.some(({ model }) => model === name));
  // The directory knows those who spent.
  const spenders = people.filter(({ sub }) =>
    PERIOD_NAMES.some((period) => books.sums.has(`user:${sub}|${bucketName(period, atMs)}`)),
  );
  const groups = new Set(books.rows.filter(({ scope }) => scope === 'group').map(({ who }) => who));
  return [
    ...spenders.flatMap((person) => capsOver(books, person, capped, atMs)),
    ...[...groups].flatMap((group) => budgetsOf(books, 'group', group, atMs)),
    ...budgetsOf(books, 'organization', '', atMs),
  ];
}

function microOf(usd: string): bigint {
  const [whole = '', fraction = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

function sorted(sums: ReadonlyMap<string, bigint>): string[] {
  return [...sums].map(([key, sum]) => `${key} ${sum}`).sort();
}
