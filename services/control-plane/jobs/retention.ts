import type { Clock } from '#shared/domain/clock.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface RetentionWindows {
  readonly auditRetentionDays: number;
  readonly spendRetentionMonths: number;
  readonly identityRetentionDays: number;
}

export interface RetentionDeps {
  readonly ledger: Ledger;
  readonly admin: AdminStore;
  readonly windows: () => RetentionWindows;
  readonly clock: Clock;
  readonly log: Log;
}

const DAY_MS = 86_400_000;

/** Ages out single events, audit rows and people; counters and daily rollups stay. */
export async function retain(deps: RetentionDeps): Promise<void> {
  const { auditRetentionDays, spendRetentionMonths, identityRetentionDays } = deps.windows();
  const nowMs = deps.clock.now();
  const events = await deps.ledger.prune(monthsBefore(nowMs, spendRetentionMonths));
  const rows = await deps.admin.prune({
    auditMs: nowMs - auditRetentionDays * DAY_MS,
    peopleMs: nowMs - identityRetentionDays * DAY_MS,
  });
  if (events + rows > 0) deps.log.info('retention removed what was too old', { events, rows });
}

export async function sweepGrants(deps: { grants: GrantStore; clock: Clock }): Promise<void> {
  await deps.grants.sweep(deps.clock.now());
}

function monthsBefore(nowMs: number, months: number): number {
  const now = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO('UTC');
  return now.subtract({ months }).epochMilliseconds;
}
