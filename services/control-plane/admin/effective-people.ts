// Whom a page of …/effective shows.

import { userAccount } from '#shared/domain/account.ts';
import type { Period } from '#shared/domain/period.ts';
import type { AdminStore, Person } from '#shared/ports/admin-store.ts';
import type { EffectiveQuery, PageEnd } from './effective-query.ts';
import { milliCents, readSpend, type SpendDeps } from './read-spend.ts';

export interface PeopleDeps extends SpendDeps {
  readonly admin: Pick<AdminStore, 'people' | 'person'>;
}

export type Identity = Pick<Person, 'sub' | 'email' | 'name' | 'groups'>;

export interface PeoplePage {
  readonly people: readonly Identity[];
  /** The end of this page when more follow. */
  readonly next: PageEnd | null;
}

/** How many people a search looks at in one read. */
const SEARCH_PAGE = 500;

export async function readPeoplePage(deps: PeopleDeps, query: EffectiveQuery): Promise<PeoplePage> {
  const { sortedBy, after, limit } = query;
  if (sortedBy !== null) return sortBySpend(deps, query, sortedBy);
  const found =
    query.userIds.length > 0
      ? await readNamed(deps.admin, query, limit + 1)
      : await search(deps.admin, query, after?.sub ?? null, limit);
  const people = found.slice(0, limit);
  const last = people.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { people, next: hasMore ? { sub: last.sub, cents: null } : null };
}

/** Everybody who matches, as spend is in no order anywhere: most first, then by sub. */
async function sortBySpend(
  deps: PeopleDeps,
  query: EffectiveQuery,
  period: Period,
): Promise<PeoplePage> {
  const { admin } = deps;
  const isNamed = query.userIds.length > 0;
  const all = isNamed
    ? await readNamed(admin, { ...query, after: null }, query.userIds.length)
    : await search(admin, query, null, Number.POSITIVE_INFINITY);
  const spent = await readSpend(
    deps,
    all.map(({ sub }) => userAccount(sub)),
  );
  const ends = all
    .map((person) => {
      const cents = Number(milliCents(spent(userAccount(person.sub), period)));
      return { person, sub: person.sub, cents };
    })
    .sort(bySpend);
  const { after } = query;
  const rest = after === null ? ends : ends.filter((end) => bySpend(end, after) > 0);
  const page = rest.slice(0, query.limit);
  const last = page.at(-1);
  const hasMore = rest.length > page.length && last !== undefined;
  return {
    people: page.map(({ person }) => person),
    next: hasMore ? { sub: last.sub, cents: last.cents } : null,
  };
}

function bySpend(one: PageEnd, other: PageEnd): number {
  const more = (other.cents ?? 0) - (one.cents ?? 0);
  if (more !== 0) return more;
  if (one.sub === other.sub) return 0;
  return one.sub < other.sub ? -1 : 1;
}

/** At least one more than `limit` where there are more. */
async function search(
  admin: PeopleDeps['admin'],
  { text }: EffectiveQuery,
  afterSub: string | null,
  limit: number,
): Promise<Person[]> {
  const found: Person[] = [];
  const pageSize = text === '' ? Math.min(limit + 1, SEARCH_PAGE) : SEARCH_PAGE;
  let after = afterSub;
  do {
    const page = await admin.people(after, pageSize);
    found.push(...page.rows.filter((person) => matches(person, text)));
    after = page.next;
  } while (after !== null && found.length <= limit);
  return found;
}

/** People who were never seen are shown too: a cap may wait for them. */
async function readNamed(
  admin: PeopleDeps['admin'],
  { userIds, after }: Pick<EffectiveQuery, 'userIds' | 'after'>,
  count: number,
): Promise<Identity[]> {
  const wanted = userIds.filter((sub) => after === null || sub > after.sub).slice(0, count);
  return Promise.all(
    wanted.map(async (sub): Promise<Identity> => {
      // Not every database takes a NUL, and none has kept one.
      const person = sub.includes('\u0000') ? null : await admin.person(sub);
      return person ?? { sub, email: null, name: null, groups: [] };
    }),
  );
}

function matches({ sub, email, name }: Person, text: string): boolean {
  return [sub, email, name].some((value) => value?.toLowerCase().includes(text) === true);
}
