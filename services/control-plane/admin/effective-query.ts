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
  /** The last sub of the page before. */
  readonly after: string | null;
  /** People a page, not rows. */
  readonly limit: number;
}

const USER_IDS_MAX = 100;

/** @throws AppError `invalid_request` that names the parameter. */
export function parseEffectiveQuery(query: URLSearchParams): EffectiveQuery {
  const userIds = [...new Set(query.getAll('user_ids[]'))].sort();
  if (userIds.length > USER_IDS_MAX) {
    throw invalid(`user_ids[]: at most ${USER_IDS_MAX} entries per request`);
  }
  const periods = parsePeriods(query.getAll('period[]'));
  refuseSort(query.get('sort'), periods.length);
  return {
    userIds,
    periods: periods.length === 0 ? PERIODS : periods,
    text: userIds.length === 0 ? (query.get('q') ?? '').toLowerCase() : '',
    after: parsePageToken(query.get('page')),
    limit: parsePageLimit(query, 20),
  };
}

export function renderPageToken(lastSub: string): string {
  return Buffer.from(JSON.stringify({ p: lastSub }), 'utf8').toString('base64url');
}

function parsePageToken(token: string | null): string | null {
  if (token === null) return null;
  try {
    const { p }: { p?: unknown } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (typeof p === 'string') return p;
  } catch (caught) {
    throw invalid('page: invalid page token', caught);
  }
  throw invalid('page: invalid page token');
}

function parsePeriods(names: readonly string[]): Period[] {
  if (names.some((name) => !PERIODS.some((period) => period === name))) {
    throw invalid(`period[]: must be one of ${PERIODS.join(', ')}`);
  }
  return PERIODS.filter((period) => names.includes(period));
}

function refuseSort(sort: string | null, periodCount: number): void {
  if (sort === null) return;
  if (sort !== 'spend_desc') throw invalid('sort: must be spend_desc');
  if (periodCount !== 1) throw invalid('sort=spend_desc requires exactly one period[]');
  throw new AppError('not_supported', 'sort: sorting by spend is not available in this version');
}

function invalid(message: string, cause?: unknown): AppError {
  return new AppError('invalid_request', message, cause === undefined ? {} : { cause });
}
