// What the jobs that keep spend right work on: a quota store in process, the ledger's totals, a bus
// that keeps what it was given.

import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import type { AccountId } from '#shared/domain/account.ts';
import { type MicroUsd, microUsd } from '#shared/domain/money.ts';
import { bucketsAt, PERIODS } from '#shared/domain/period.ts';
import { EMPTY_CAPS } from '#shared/domain/quota.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { decodeUsageEvent, encodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { AccountTotal, Ledger } from '#shared/ports/ledger.ts';
import type { Message } from '#shared/ports/usage-bus.ts';
import { createTestClock } from './clock.ts';
import { createMemoryLog } from './log.ts';

/** Sums of the events it was given, for each account that they name. */
export function createTotalsLedger(): Pick<Ledger, 'totals'> & {
  record(event: UsageEvent): void;
} {
  const events = new Map<string, UsageEvent>();
  return {
    record: (event) => void events.set(event.id, events.get(event.id) ?? event),
    async totals(buckets, after, limit) {
      const all = [...new Set([...events.values()].flatMap(({ accounts }) => accounts))]
        .filter((account) => after === null || account > after)
        .sort();
      const page = all.slice(0, limit);
      const rows = page.flatMap((account) =>
        PERIODS.map((period): AccountTotal => {
          const bucket = buckets[period];
          const mine = [...events.values()].filter(
            (of) => of.accounts.includes(account) && bucketsAt(of.timeMs)[period] === bucket,
          );
          const amount = mine.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0);
          return { account, period, bucket, amountMicroUsd: microUsd(amount) };
        }),
      );
      return { rows, next: all.length > limit ? (page.at(-1) ?? null) : null };
    },
  };
}

export function openSpendJobs() {
  const clock = createTestClock();
  const log = createMemoryLog();
  const quota = openMemoryQuotaStore({ clock });
  const ledger = createTotalsLedger();
  const published: UsageEvent[] = [];
  const deps = {
    clock,
    log,
    quota,
    ledger,
    admin: { capTable: async () => EMPTY_CAPS },
    grants: { revocations: async () => [] },
    bus: {
      publish: async (_topic: string, { data }: Message) =>
        void published.push(decodeUsageEvent(data)),
    },
    async ingest(batch: readonly Message[]) {
      const events = batch.map(({ data }) => decodeUsageEvent(data));
      for (const event of events) ledger.record(event);
      await quota.apply(events.map(({ id }) => id));
      return {};
    },
  };
  return {
    deps,
    published,
    async settle(event: UsageEvent): Promise<void> {
      await quota.settle({
        id: event.id,
        nowMs: clock.now(),
        chargedAtMs: event.timeMs,
        accounts: event.accounts,
        amountMicroUsd: event.costMicroUsd,
        event: encodeUsageEvent(event),
      });
    },
    /** What enforcement counts as spent this month, and what of it is pending. */
    async month(account: AccountId): Promise<{ spent: MicroUsd; pending: MicroUsd }> {
      const rows = await quota.spend([account], clock.now());
      const row = rows.find(({ period }) => period === 'monthly');
      const pending = row?.pendingMicroUsd ?? microUsd(0);
      return { spent: microUsd((row?.ledgeredMicroUsd ?? 0) + pending), pending };
    },
  };
}
