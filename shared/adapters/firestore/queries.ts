// Every collection with its fields, and every query that is ever run. Queries are started here and
// nowhere else, so that infra/firestore/firestore.indexes.json can be held against this file: the
// emulator answers any query, Firestore only those that have their index.

import type { Query } from '@google-cloud/firestore';
import type { Documents } from './firestore-database.ts';

/**
 * The fields of each collection's documents. `row` (a map) and `event` (JSON) are what is stored,
 * the others are what is searched; `writer` names the call that wrote, `expireAt` is for TTL.
 */
export const FIELDS = {
  usage_event: ['shard', 'timeMs', 'sub', 'event', 'corrections', 'writer', 'expireAt'],
  spend: ['account', 'month', 'row'],
  daily_rollup: ['day', 'row'],
  cost_correction: ['row', 'writer', 'expireAt'],
  spend_limit: ['row'],
  spend_limit_scope: ['row'],
  audit: ['number', 'atMs', 'row', 'writer'],
  revision: ['row'],
  person: ['sub', 'emailKey', 'seenDay', 'row'],
  alert: ['atMs', 'unsentSinceMs', 'row', 'writer'],
  device_grant: ['deviceCodeHash', 'row', 'writer', 'expireAt'],
  refresh_family: ['sub', 'row', 'writer', 'expireAt'],
  revocation: ['row', 'writer', 'expireAt'],
  hit_window: ['row', 'writer', 'expireAt'],
  used_once: ['row', 'writer', 'expireAt'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type CollectionName = keyof typeof FIELDS;

export interface QueryShape {
  readonly collection: CollectionName;
  /** Fields that are compared with one value each. */
  readonly equal: readonly string[];
  /** The field that orders the result and that cursors cut; null: any order. */
  readonly ordered: string | null;
  readonly descending?: true;
}

export const QUERIES = {
  eventsByAge: { collection: 'usage_event', equal: ['shard'], ordered: 'timeMs' },
  eventsOfPerson: { collection: 'usage_event', equal: ['sub'], ordered: null },
  spendByAccount: { collection: 'spend', equal: ['month'], ordered: 'account' },
  rollupsByDay: { collection: 'daily_rollup', equal: [], ordered: 'day' },
  rollupsOfPerson: { collection: 'daily_rollup', equal: ['row.sub'], ordered: null },
  auditFromNewest: { collection: 'audit', equal: [], ordered: 'number', descending: true },
  auditByAge: { collection: 'audit', equal: [], ordered: 'atMs' },
  peopleBySub: { collection: 'person', equal: [], ordered: 'sub' },
  peopleByDay: { collection: 'person', equal: [], ordered: 'seenDay' },
  peopleByEmail: { collection: 'person', equal: ['emailKey'], ordered: null },
  alertsUnsent: { collection: 'alert', equal: [], ordered: 'unsentSinceMs' },
  alertsByAge: { collection: 'alert', equal: [], ordered: 'atMs' },
  grantsOfDevice: { collection: 'device_grant', equal: ['deviceCodeHash'], ordered: null },
  familiesOfPerson: { collection: 'refresh_family', equal: ['sub'], ordered: null },
  deviceGrantsByEnd: { collection: 'device_grant', equal: [], ordered: 'expireAt' },
  familiesByEnd: { collection: 'refresh_family', equal: [], ordered: 'expireAt' },
  revocationsByEnd: { collection: 'revocation', equal: [], ordered: 'expireAt' },
  hitWindowsByEnd: { collection: 'hit_window', equal: [], ordered: 'expireAt' },
  usedOnceByEnd: { collection: 'used_once', equal: [], ordered: 'expireAt' },
} as const satisfies Readonly<Record<string, QueryShape>>;

/** The query with its filters and order; the caller adds cursors, a limit and a projection. */
export function startQuery(
  documents: Documents,
  shape: QueryShape,
  ...equal: readonly string[]
): Query {
  let query: Query = documents.in(shape.collection);
  for (const [nth, field] of shape.equal.entries()) query = query.where(field, '==', equal[nth]);
  if (shape.ordered === null) return query;
  return query.orderBy(shape.ordered, shape.descending === true ? 'desc' : 'asc');
}
