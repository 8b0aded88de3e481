// How tests read a ledger.

import { microUsd } from '#shared/domain/money.ts';
import type { Buckets } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { AccountTotal, CostCorrection, Ledger } from '#shared/ports/ledger.ts';
import { NOON_MS } from '../../support/clock.ts';
import type { Instance } from '../../support/instance.ts';

export interface LedgerHarness {
  readonly name: string;
  open(): Promise<Instance<Ledger>>;
}

export const DAY_MS = 86_400_000;

/** All totals, page by page. */
export async function allTotals(
  ledger: Ledger,
  buckets: Buckets,
  limit = 1000,
): Promise<AccountTotal[]> {
  const rows: AccountTotal[] = [];
  let after: string | null = null;
  do {
    const page = await ledger.totals(buckets, after, limit);
    rows.push(...page.rows);
    after = page.next;
  } while (after !== null);
  return rows;
}

/** `account period amount`, in an order that all adapters share. */
export async function shownTotals(ledger: Ledger, buckets: Buckets): Promise<string[]> {
  const rows = await allTotals(ledger, buckets);
  return rows.map((row) => `${row.account} ${row.period} ${row.amountMicroUsd}`).sort();
}

/** Every event of two months around noon, page by page. */
export async function allEvents(ledger: Ledger, limit = 1000): Promise<UsageEvent[]> {
  const rows: UsageEvent[] = [];
  let after: string | null = null;
  do {
    const [from, to] = [NOON_MS - 31 * DAY_MS, NOON_MS + 31 * DAY_MS];
    const page = await ledger.eventsBetween(from, to, after, limit);
    rows.push(...page.rows);
    after = page.next;
  } while (after !== null);
  return rows;
}

let made = 0;

export function correctionOf(
  eventId: string,
  amount: number,
  overrides: Partial<CostCorrection> = {},
): CostCorrection {
  made += 1;
  return {
    id: `correction-${process.pid}-${made}`,
    eventId,
    amountMicroUsd: microUsd(amount),
    priceBook: '2026-12-01',
    priceRow: 'claude-sonnet-4-5',
    postedAtMs: NOON_MS + DAY_MS,
    actor: 'cli',
    reason: null,
    ...overrides,
  };
}
