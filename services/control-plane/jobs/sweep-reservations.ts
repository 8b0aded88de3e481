import type { Clock } from '#shared/domain/clock.ts';
import type { Reservation } from '#shared/domain/quota.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { decodeUsageEvent, encodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface SweepDeps {
  readonly quota: QuotaStore;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Settled and published at once. */
const BATCH = 100;
/** More requests than ten data planes hold; the rest is for the next run. */
const ROUNDS_MAX = 100;

/**
 * Reservations whose data plane died are billed by the last estimate they carried: settled under
 * their own id, so that a process that was only slow cannot settle them a second time.
 */
export async function sweepReservations(deps: SweepDeps, signal: AbortSignal): Promise<void> {
  const nowMs = deps.clock.now();
  for (let round = 0; round < ROUNDS_MAX && !signal.aborted; round += 1) {
    const expired = await deps.quota.expired(nowMs, BATCH);
    await Promise.all(expired.map((held) => settleOrphan(deps, held, nowMs)));
    if (expired.length < BATCH) return;
  }
}

async function settleOrphan(deps: SweepDeps, held: Reservation, nowMs: number): Promise<void> {
  const orphan = readDraft(deps, held);
  if (orphan === null) return deps.quota.release(held.id);
  const event = encodeUsageEvent(orphan);
  const answer = await deps.quota.settle({
    id: held.id,
    nowMs,
    chargedAtMs: orphan.timeMs,
    accounts: held.accounts,
    amountMicroUsd: orphan.costMicroUsd,
    event,
    orphan: true,
  });
  if (answer === 'duplicate') return;
  deps.log.warn('a request was cut off by the death of its data plane; its estimate is billed', {
    event_id: held.id,
    sub: orphan.sub,
    cost_micro_usd: orphan.costMicroUsd,
  });
  await deps.bus.publish('usage.v1', { id: held.id, data: Buffer.from(event), attributes: {} });
}

function readDraft(deps: SweepDeps, held: Reservation): UsageEvent | null {
  try {
    const draft = decodeUsageEvent(held.draft);
    // The draft is older than the choice of a budget, which the reservation knows.
    return { ...draft, accounts: held.accounts, outcome: 'orphaned', estimated: true };
  } catch (caught) {
    deps.log.error('an orphaned reservation has no readable draft; it is released unbilled', {
      event_id: held.id,
      err: AppError.from(caught),
    });
    return null;
  }
}
