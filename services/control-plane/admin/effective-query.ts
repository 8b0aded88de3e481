// The query of GET …/effective. Names without brackets (`period=daily`) are ignored, as captured.

import { PERIODS, type Period } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { parsePageLimit } from './page-query.ts';

export interface EffectiveQuery {
  /** Ascending, without repeats; empty: everybody seen. */
  readonly userIds: readonly string[];
  /** In the order of the reply. */
  readonly periods: readonly Period[];
  /** Lower case; empty matches everybody. */
  readonly text: string;
  /** The period whose spend sorts the people, most first; null: by sub. */
  readonly sortedBy: Period | null;
  /** Where the page before ended; null: this is the first. */
  readonly after: PageEnd | null;
  /** People a page, not rows. */
  readonly limit: number;
}

/** The last person of a page. */
export interface PageEnd {
  readonly sub: string;
  /** What they spent, as rendered; null: the pages are by sub. */
  readonly cents: number | null;
}

const USER_IDS_MAX = 100;

/** @throws AppError `invalid_request` that names the parameter. */
export function parseEffectiveQuery(query: URLSearchParams): EffectiveQuery {
  const userIds = [...new Set(query.getAll('user_ids[]'))].sort();
  if (userIds.length > USER_IDS_MAX) {
    throw invalid(`user_ids[]: at most ${USER_IDS_MAX} entries per request`);
  }
  const periods = parsePeriods(query.getAll('period[]'));
  const sortedBy = parseSort(query.get('sort'), periods);
  return {
    userIds,
    periods: periods.length === 0 ? PERIODS : periods,
    text: userIds.length === 0 ? (query.get('q') ?? '').toLowerCase() : '',
    sortedBy,
    after: parsePageToken(query.get('page'), sortedBy !== null),
    limit: parsePageLimit(query, 20),
  };
}

export function renderPageToken({ sub, cents }: PageEnd): string {
  const end = { p: sub, ...(cents === null ? {} : { c: cents, s: true }) };
  return Buffer.from(JSON.stringify(end), 'utf8').toString('base64url');
}

function parsePageToken(token: string | null, isSorted: boolean): PageEnd | null {
  if (token === null) return null;
  const { p: sub, c: cents, s: sorted } = decodeToken(token);
  // No sub has a NUL, and not every database takes one.
  if (typeof sub !== 'string' || sub.includes('\u0000')) throw invalid('page: invalid page token');
  if (!isSorted && sorted === undefined) return { sub, cents: null };
  if (!isSorted || sorted !== true || typeof cents !== 'number') {
    throw invalid('page: invalid page token');
  }
  return { sub, cents };
}

function decodeToken(token: string): { p?: unknown; c?: unknown; s?: unknown } {
  try {
    return Object(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
  } catch (caught) {
    throw invalid('page: invalid page token', caught);
  }
}

function parsePeriods(names: readonly string[]): Period[] {
  if (names.some((name) => !PERIODS.some((period) => period === name))) {
    throw invalid(`period[]: must be one of ${PERIODS.join(', ')}`);
  }
  return PERIODS.filter((period) => names.includes(period));
}

function parseSort(sort: string | null, [period, ...others]: readonly Period[]): Period | null {
  if (sort === null) return null;
  if (sort !== 'spend_desc') throw invalid('sort: must be spend_desc');
  if (period === undefined || others.length > 0) {
    throw invalid('sort=spend_desc requires exactly one period[]');
  }
  return period;
}

function invalid(message: string, cause?: unknown): AppError {
  return new AppError('invalid_request', message, cause === undefined ? {} : { cause });
}
