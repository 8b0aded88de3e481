// The plain calculation that the product is checked against: lists that are searched from end to end,
// sums as BigInt in one map. Written from the rules as an administrator reads them (README, "Caps"),
// not from the product's code.

import { bucketName, PERIOD_NAMES, type PeriodName } from './calendar.ts';

/** A spend limit: a cap of everybody in its scope, and perhaps a budget that they share. */
export interface BookRow {
  readonly id: string;
  readonly scope: 'user' | 'group' | 'organization';
  readonly who: string;
  readonly period: PeriodName;
  readonly model: string | null;
  /** Null: unlimited. */
  cents: bigint | null;
  /** Null: none, or paused. */
  budgetCents: bigint | null;
}

export interface BookPerson {
  readonly sub: string;
  readonly groups: readonly string[];
}

export interface Verdict {
  readonly outcome: 'admitted' | 'blocked' | 'busy';
  readonly accounts: readonly string[];
  /** `<limit> <account>` of those that are spent. */
  readonly breached: readonly string[];
}

export interface Measured {
  /** The id of the spend limit. */
  readonly name: string;
  readonly account: string;
  readonly bucket: string;
  readonly amount: bigint;
  readonly unspent: bigint;
  readonly left: bigint;
}

const MICRO_PER_CENT = 10_000n;

export interface Books {
  readonly rows: BookRow[];
  groupMode: 'min' | 'max';
  /** `<account>|<bucket>` → micro-USD. */
  readonly sums: Map<string, bigint>;
  /** What is in flight, by account. */
  readonly held: Map<string, bigint>;
}

export function openBooks(): Books {
  return { rows: [], groupMode: 'min', sums: new Map(), held: new Map() };
}

export function reserve(books: Books, accounts: readonly string[], amount: bigint): void {
  for (const account of accounts) {
    books.held.set(account, (books.held.get(account) ?? 0n) + amount);
  }
}

export function charge(
  books: Books,
  accounts: readonly string[],
  amount: bigint,
  atMs: number,
): void {
  for (const account of accounts) {
    for (const period of PERIOD_NAMES) {
      const key = `${account}|${bucketName(period, atMs)}`;
      books.sums.set(key, (books.sums.get(key) ?? 0n) + amount);
    }
  }
}

export function judge(
  books: Books,
  person: BookPerson,
  modelNames: readonly string[],
  atMs: number,
): Verdict {
  const capped = modelNames.filter((name) => books.rows.some(({ model }) => model === name));
  const own = `user:${person.sub}`;
  const accounts = [own, ...capped.map((name) => `model:${name}:${own}`)];
  const everybody = budgetsOf(books, 'organization', '', atMs);
  if (everybody.length > 0) accounts.push('organization');

  const mine = [...everybody, ...capsOver(books, person, capped, atMs)];
  const blocked = (all: readonly Measured[]): Verdict => {
    const spent = all.filter(({ unspent }) => unspent <= 0n);
    const breached = spent.map(({ name, account }) => `${name} ${account}`).sort();
    return { outcome: 'blocked', accounts, breached };
  };
  if (mine.some(({ unspent }) => unspent <= 0n)) return blocked(mine);
  const pool = poolOf(books, person, atMs);
  if (pool !== null && pool.unspent <= 0n) return blocked(pool.budgets);
  if (pool !== null) accounts.push(pool.account);
  const isSpokenFor = [...mine, ...(pool?.budgets ?? [])].some(({ left }) => left <= 0n);
  return { outcome: isSpokenFor ? 'busy' : 'admitted', accounts, breached: [] };
}

/** The finite caps of a person, each with what is spent of it. */
export function capsOver(
  books: Books,
  person: BookPerson,
  models: readonly string[],
  atMs: number,
): Measured[] {
  const own = `user:${person.sub}`;
  return PERIOD_NAMES.flatMap((period) =>
    [null, ...models].flatMap((model) => {
      const row = capOf(books, person, period, model);
      if (row === undefined || row.cents === null) return [];
      const account = model === null ? own : `model:${model}:${own}`;
      return [measure(books, row.id, account, row.cents, { period, atMs })];
    }),
  );
}

export function budgetsOf(
  books: Books,
  scope: BookRow['scope'],
  who: string,
  atMs: number,
): Measured[] {
  const account = scope === 'organization' ? 'organization' : `pool:${who}`;
  return books.rows
    .filter((row) => row.scope === scope && row.who === who)
    .flatMap(({ id, period, budgetCents }) =>
      budgetCents === null ? [] : [measure(books, id, account, budgetCents, { period, atMs })],
    );
}

/** The person's own row; else the tightest or widest of their groups'; else the organization's. */
function capOf(
  { rows, groupMode }: Books,
  person: BookPerson,
  period: PeriodName,
  model: string | null,
): BookRow | undefined {
  const fits = rows.filter((row) => row.period === period && row.model === model);
  const own = fits.find((row) => row.scope === 'user' && row.who === person.sub);
  if (own !== undefined) return own;
  const groups = fits.filter((row) => row.scope === 'group' && person.groups.includes(row.who));
  const unlimited = groups.find(({ cents }) => cents === null);
  const finite = groups.filter(({ cents }) => cents !== null);
  finite.sort((a, b) => ((a.cents ?? 0n) < (b.cents ?? 0n) ? -1 : 1));
  const chosen = groupMode === 'min' ? (finite[0] ?? unlimited) : (unlimited ?? finite.at(-1));
  return chosen ?? fits.find((row) => row.scope === 'organization');
}

/** Of the groups' budgets: one that is not spent and has most left; else the least overspent. */
function poolOf(books: Books, person: BookPerson, atMs: number) {
  const smallest = (values: readonly bigint[]) => values.reduce((a, b) => (b < a ? b : a));
  const pools = [...new Set(person.groups)].sort().flatMap((group) => {
    const budgets = budgetsOf(books, 'group', group, atMs);
    if (budgets.length === 0) return [];
    const unspent = smallest(budgets.map((one) => one.unspent));
    const left = smallest(budgets.map((one) => one.left));
    return [{ account: `pool:${group}`, budgets, unspent, left }];
  });
  const open = pools.filter(({ unspent }) => unspent > 0n);
  const candidates = open.length > 0 ? open : pools;
  const worth = (pool: (typeof pools)[number]) => (open.length > 0 ? pool.left : pool.unspent);
  let best = candidates[0] ?? null;
  for (const pool of candidates) if (best !== null && worth(pool) > worth(best)) best = pool;
  return best;
}

function measure(
  { sums, held }: Books,
  name: string,
  account: string,
  cents: bigint,
  { period, atMs }: { readonly period: PeriodName; readonly atMs: number },
): Measured {
  const amount = cents * MICRO_PER_CENT;
  const bucket = bucketName(period, atMs);
  const unspent = amount - (sums.get(`${account}|${bucket}`) ?? 0n);
  const left = unspent - (held.get(account) ?? 0n);
  return { name, account, bucket, amount, unspent, left };
}
