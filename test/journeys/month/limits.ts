// What administrators set, in the product and in the books.

import type { CapScope } from '#shared/domain/cap.ts';
import type { Random } from '../../support/random.ts';
import type { BookPerson, BookRow, Books } from './books.ts';
import { PERIOD_NAMES } from './calendar.ts';
import type { World } from './world.ts';

type Wish = Omit<BookRow, 'id'> & {
  /** Set, but neither counting nor blocking. */
  readonly pausedCents?: bigint;
};

export const GROUPS = ['data', 'eng', 'law', 'ops', 'sales', 'web'];
const CAPPED_MODELS = ['opus', 'claude-opus-5-5', 'haiku', 'claude-haiku-5-5'];

export async function firstLimits(
  world: World,
  books: Books,
  people: readonly BookPerson[],
): Promise<void> {
  const all = { scope: 'organization', who: '', model: null } as const;
  const person = (nth: number) => people[nth]?.sub ?? '';
  const wishes: Wish[] = [
    { ...all, period: 'daily', cents: 60n, budgetCents: 9_000n },
    { ...all, period: 'weekly', cents: 180n, budgetCents: null },
    { ...all, period: 'monthly', cents: 700n, budgetCents: 120_000n },
    { ...all, period: 'weekly', model: 'opus', cents: 90n, budgetCents: null },
    ...GROUPS.slice(0, 4).map(
      (who, nth): Wish => ({
        ...{ scope: 'group', who, model: null, period: 'monthly' },
        ...{ cents: 500n + BigInt(nth), budgetCents: 15_000n },
      }),
    ),
    { scope: 'group', who: 'eng', period: 'daily', model: null, cents: 81n, budgetCents: 900n },
    { scope: 'group', who: 'law', period: 'daily', model: null, cents: null, budgetCents: null },
    {
      ...{ scope: 'group', who: 'web', period: 'weekly', model: null, cents: 250n },
      ...{ budgetCents: null, pausedCents: 1n },
    },
    {
      ...{ scope: 'group', who: 'ops', period: 'daily', model: 'claude-opus-5-5', cents: 40n },
      budgetCents: null,
    },
    ...Array.from(
      { length: 30 },
      (_, nth): Wish => ({
        ...{ scope: 'user', who: person(nth), model: null, budgetCents: null },
        period: PERIOD_NAMES[nth % 3] ?? 'daily',
        cents: nth % 7 === 0 ? null : BigInt(nth % 5) * 150n,
      }),
    ),
  ];
  for (const wish of wishes) await set(world, books, wish);
}

/** One change, of any kind, in the middle of its periods. */
export async function changeLimits(
  world: World,
  books: Books,
  random: Random,
  people: readonly BookPerson[],
): Promise<void> {
  if (random.next() < 0.15 && books.rows.length > 40) {
    const [gone] = books.rows.splice(random.between(0, books.rows.length - 1), 1);
    if (gone !== undefined) await world.deleteLimit(gone.id);
    return;
  }
  const scope = random.pick(['user', 'group', 'group', 'organization'] as const);
  const group = random.pick(GROUPS);
  const somebody = people[random.between(0, 60)]?.sub ?? '';
  const who = scope === 'user' ? somebody : scope === 'group' ? group : '';
  const model = random.next() < 0.25 ? random.pick(CAPPED_MODELS) : null;
  const period = random.pick(PERIOD_NAMES);
  const base = period === 'daily' ? 60 : period === 'weekly' ? 200 : 700;
  const kind = random.next();
  // Groups differ by a few cents: of two equal caps nobody could say which one held.
  const cents = BigInt(random.between(0, base / 10) * 20 + GROUPS.indexOf(group));
  const budget = BigInt(base) * BigInt(scope === 'group' ? random.between(5, 40) : 150);
  const mayBlock = scope !== 'group' || group === 'web';
  const mayShare = scope !== 'user' && model === null;
  await set(world, books, {
    ...{ scope, who, period, model },
    cents: kind < 0.1 ? null : mayBlock && kind < 0.15 ? 0n : cents,
    budgetCents: mayShare && kind < 0.5 ? budget : null,
    ...(mayShare && kind > 0.9 ? { pausedCents: budget } : {}),
  });
}

async function set(world: World, books: Books, wish: Wish): Promise<void> {
  const { scope, who, period, model, cents, budgetCents, pausedCents } = wish;
  const budget = budgetCents ?? pausedCents;
  const id = await world.setLimit({
    ...{ scope: scopeOf(scope, who), period, model },
    amount: cents === null ? null : String(cents),
    budget: budget === undefined ? null : { amount: String(budget), paused: budgetCents === null },
  });
  const found = books.rows.find((row) => row.id === id);
  if (found === undefined) books.rows.push({ id, scope, who, period, model, cents, budgetCents });
  else Object.assign(found, { cents, budgetCents });
}

function scopeOf(scope: BookRow['scope'], who: string): CapScope {
  if (scope === 'user') return { type: 'user', userId: who };
  return scope === 'group' ? { type: 'rbac_group', rbacGroupId: who } : { type: 'organization' };
}
