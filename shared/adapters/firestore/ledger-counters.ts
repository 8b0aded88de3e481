// The counters that a commit adds to. A document is touched once a commit, however many events it
// gets: one document takes about one write a second for long, and each is paid for. What is shared by
// everybody would be touched by every commit: each commit takes one of its documents at random.

import { type DocumentData, FieldValue } from '@google-cloud/firestore';
import { type AccountId, isShared } from '#shared/domain/account.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { labelsOf } from '../ledger/rollup-labels.ts';
import { chargedAccounts } from '../ledger/stored-event.ts';
import { hashedId } from './document-ids.ts';
import type { Documents } from './firestore-database.ts';

/** Documents of a shared account and month: 20 commits a second are one in three seconds for each. */
export const SHARED_PARTS = 64;

/** An event, and what is to be counted of it. */
export interface Count {
  readonly event: UsageEvent;
  readonly costMicroUsd: number;
  /** Whether it is the difference to an event that was counted before. */
  readonly isCorrection: boolean;
}

export type Batch = ReturnType<Documents['client']['batch']>;

/** `part`: which of a shared account's documents is written, from 0 to `SHARED_PARTS`. */
export function addCounts(
  batch: Batch,
  documents: Documents,
  counts: readonly Count[],
  part: number,
): void {
  for (const [id, fields] of spendSums(counts, part)) {
    batch.set(documents.in('spend').doc(id), asIncrements(fields), { merge: true });
  }
  for (const [id, fields] of rollupSums(counts)) {
    batch.set(documents.in('daily_rollup').doc(id), asIncrements(fields), { merge: true });
  }
}

/** The documents of an account and month: one, or the parts of a shared account. */
export function spendIds(account: AccountId, month: string): string[] {
  if (!isShared(account)) return [spendId(account, month, 0)];
  return Array.from({ length: SHARED_PARTS }, (_, part) => spendId(account, month, part));
}

function spendId(account: AccountId, month: string, part: number): string {
  return `${isShared(account) ? hashedId(account, `${part}`) : hashedId(account)}_${month}`;
}

function spendSums(counts: readonly Count[], part: number) {
  const sums = new Map<string, Fields & { account: AccountId; month: string }>();
  for (const { event, costMicroUsd } of counts) {
    const { daily, weekly, monthly } = bucketsAt(event.timeMs);
    for (const account of chargedAccounts(event)) {
      const id = spendId(account, monthly, part);
      const { row } = entryOf(sums, id, () => ({ account, month: monthly, row: {} }));
      // Of a week that crosses a month, each of the two documents has its part.
      addTo(row, ['microUsd'], costMicroUsd);
      addTo(row, ['days', daily], costMicroUsd);
      addTo(row, ['weeks', weekly], costMicroUsd);
    }
  }
  return sums;
}

/** What a rollup is of, as its document says it. */
export interface RollupNames {
  readonly day: string;
  readonly sub: string;
  readonly servedModel: string;
  readonly upstream: string;
  readonly groups: readonly string[];
  readonly billingGroup: string | null;
}

export function rollupId({ day, sub, servedModel, upstream, ...labels }: RollupNames): string {
  return `${hashedId(sub, servedModel, upstream, labelsOf(labels).key)}_${day}`;
}

function rollupSums(counts: readonly Count[]) {
  const sums = new Map<string, Fields & { day: string }>();
  for (const { event, costMicroUsd, isCorrection } of counts) {
    const { sub, servedModel, upstream, usage } = event;
    const { groups, billingGroup } = labelsOf(event);
    const day = bucketsAt(event.timeMs).daily;
    const names = { sub, servedModel, upstream, groups, billingGroup };
    const id = rollupId({ day, ...names });
    const { row } = entryOf(sums, id, () => ({ day, row: { ...names } }));
    const once = isCorrection ? 0 : 1;
    addTo(row, ['events'], once);
    addTo(row, ['estimatedEvents'], event.estimated ? once : 0);
    addTo(row, ['inputTokens'], once * usage.inputTokens);
    addTo(row, ['outputTokens'], once * usage.outputTokens);
    addTo(row, ['cacheReadTokens'], once * usage.cacheReadTokens);
    const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens;
    addTo(row, ['cacheWriteTokens'], once * written);
    addTo(row, ['costMicroUsd'], costMicroUsd);
    addTo(row, ['correctionMicroUsd'], isCorrection ? costMicroUsd : 0);
  }
  return sums;
}

interface Sums {
  [name: string]: number | string | null | readonly string[] | Sums;
}

interface Fields {
  readonly row: Sums;
  readonly [searched: string]: unknown;
}

function entryOf<Entry>(entries: Map<string, Entry>, id: string, make: () => Entry): Entry {
  const known = entries.get(id) ?? make();
  entries.set(id, known);
  return known;
}

function addTo(sums: Sums, [name = '', ...rest]: readonly string[], amount: number): void {
  const known = sums[name];
  if (rest.length === 0) {
    sums[name] = (typeof known === 'number' ? known : 0) + amount;
    return;
  }
  const inner = isSums(known) ? known : {};
  sums[name] = inner;
  addTo(inner, rest, amount);
}

/** The fields, with every number of `row` to be added to what the document has. */
export function asIncrements(fields: Fields): DocumentData {
  return { ...fields, row: incrementsOf(fields.row) };
}

function incrementsOf(sums: Sums): DocumentData {
  return Object.fromEntries(
    Object.entries(sums).map(([name, value]) => {
      if (typeof value === 'number') return [name, FieldValue.increment(value)];
      return [name, isSums(value) ? incrementsOf(value) : value];
    }),
  );
}

function isSums(value: Sums[string] | undefined): value is Sums {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
