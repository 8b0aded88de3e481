// The query of GET /v1/organizations/usage. Days are UTC and inclusive at both ends.

import { bucketsAt } from '#shared/domain/period.ts';
import {
  USAGE_DIMENSIONS,
  type UsageDimension,
  type UsageFilter,
  type UsageKey,
} from '#shared/domain/usage-summary.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { parsePageLimit } from './page-query.ts';

export interface UsageQuery {
  readonly by: readonly UsageDimension[];
  readonly filter: UsageFilter;
  /** `2026-11-24` */
  readonly startingOn: string;
  readonly endingOn: string;
  readonly after: UsageKey | null;
  readonly limit: number;
}

/** What a page token says: the days too, so that a default does not move between two pages. */
interface PageToken {
  readonly by: readonly UsageDimension[];
  readonly from: string;
  readonly to: string;
  readonly key: UsageKey;
}

const DAYS_MAX = 400;
/** Sessions are in no rollup: each event is read. */
const SESSION_DAYS_MAX = 31;
const USER_IDS_MAX = 100;

/** @throws AppError `invalid_request` that names the parameter. */
export function parseUsageQuery(query: URLSearchParams, nowMs: number): UsageQuery {
  const by = parseDimensions(query.getAll('group_by[]'));
  const token = parseToken(query.get('page'), by);
  const today = bucketsAt(nowMs).daily;
  const endingOn = parseDay(query, 'ending_on') ?? token?.to ?? today;
  const startingOn = parseDay(query, 'starting_on') ?? token?.from ?? `${endingOn.slice(0, 8)}01`;
  assertSpan(startingOn, endingOn, by.includes('session') ? SESSION_DAYS_MAX : DAYS_MAX);
  const limit = parsePageLimit(query, 100);
  return { by, filter: parseFilter(query), startingOn, endingOn, after: token?.key ?? null, limit };
}

export function renderToken({ by, startingOn, endingOn }: UsageQuery, key: UsageKey): string {
  const token: PageToken = { by, from: startingOn, to: endingOn, key };
  return Buffer.from(JSON.stringify(token), 'utf8').toString('base64url');
}

function parseDimensions(names: readonly string[]): UsageDimension[] {
  const by = [...new Set(names)].map((name) => {
    const known = USAGE_DIMENSIONS.find((dimension) => dimension === name);
    if (known === undefined) {
      throw invalid(`group_by[]: must be one of ${USAGE_DIMENSIONS.join(', ')}`);
    }
    return known;
  });
  return by;
}

function parseDay(query: URLSearchParams, name: string): string | null {
  const text = query.get(name);
  if (text === null || isDay(text)) return text;
  throw invalid(`${name}: must be a day like 2026-11-24`);
}

function isDay(text: unknown): text is string {
  if (typeof text !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  try {
    return Temporal.PlainDate.from(text).toString() === text;
  } catch {
    return false;
  }
}

function assertSpan(startingOn: string, endingOn: string, daysMax: number): void {
  if (startingOn > endingOn) throw invalid('starting_on: must not be after ending_on');
  if (spanOf(startingOn, endingOn) > daysMax) {
    throw invalid(
      `starting_on: at most ${daysMax} days can be asked for at once` +
        (daysMax === SESSION_DAYS_MAX ? ' when they are grouped by session' : ''),
    );
  }
}

function spanOf(startingOn: string, endingOn: string): number {
  return Temporal.PlainDate.from(startingOn).until(endingOn, { largestUnit: 'days' }).days + 1;
}

/** An empty value selects what has none. */
function parseFilter(query: URLSearchParams): UsageFilter {
  const subs = query.getAll('user_ids[]');
  if (subs.length > USER_IDS_MAX) {
    throw invalid(`user_ids[]: at most ${USER_IDS_MAX} entries per request`);
  }
  const group = query.get('rbac_group_id');
  const model = query.get('model');
  const billingGroup = query.get('billing_group');
  return {
    ...(subs.length === 0 ? {} : { subs: new Set(subs) }),
    ...(group === null ? {} : { group: group === '' ? null : group }),
    ...(model === null ? {} : { model }),
    ...(billingGroup === null ? {} : { billingGroup: billingGroup === '' ? null : billingGroup }),
  };
}

function parseToken(text: string | null, by: readonly UsageDimension[]): PageToken | null {
  if (text === null) return null;
  let token: Partial<Record<keyof PageToken, unknown>> | null;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch (cause) {
    throw invalid('page: invalid page token', cause);
  }
  const { from, to, key } = token ?? {};
  const isOfQuery = JSON.stringify(token?.by) === JSON.stringify(by);
  if (!isOfQuery || !isDay(from) || !isDay(to) || !isKey(key) || key.length !== by.length) {
    throw invalid('page: invalid page token');
  }
  return { by, from, to, key };
}

function isKey(value: unknown): value is UsageKey {
  return Array.isArray(value) && value.every((part) => part === null || typeof part === 'string');
}

function invalid(message: string, cause?: unknown): AppError {
  return new AppError('invalid_request', message, cause === undefined ? {} : { cause });
}
