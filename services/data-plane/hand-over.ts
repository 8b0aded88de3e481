// One usage event to whoever keeps it: the quota store (reservation → pending, event into the outbox)
// and the bus. One of the two is enough: from the outbox the relay job publishes it, from the bus the
// ledger gets it.

import type { Clock } from '#shared/domain/clock.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { decodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { SpoolEntry } from '#shared/ports/usage-spool.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface HandOverDeps {
  readonly quota: Pick<QuotaStore, 'settle' | 'release'>;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** `published`: the bus alone has it, and its reservation still stands. */
export type HandedOver = 'settled' | 'published';

/** What of an event its settlement needs. */
export type Charged = Pick<UsageEvent, 'timeMs' | 'costMicroUsd'>;

/**
 * `charged`: of the event, where the caller knows it; else it is read.
 * @throws AppError `unavailable` when neither took it.
 */
export async function handOver(
  deps: HandOverDeps,
  entry: SpoolEntry,
  charged?: Charged,
): Promise<HandedOver> {
  const settled = await settle(deps, entry, charged).catch((err: unknown) => AppError.from(err));
  // An orphan sweep, or an earlier try whose answer was lost: the outbox or the ledger has the event.
  if (settled === 'duplicate') return 'settled';
  const published = await publish(deps, entry).catch((err: unknown) => AppError.from(err));
  if (settled instanceof AppError) note(deps.log, 'settle', entry.id, settled);
  if (published instanceof AppError) note(deps.log, 'publish', entry.id, published);
  if (settled === 'settled') return 'settled';
  if (published instanceof AppError) {
    throw new AppError('unavailable', 'neither the quota store nor the bus takes usage', {
      cause: published,
    });
  }
  return 'published';
}

export async function settle(
  { quota, clock }: Pick<HandOverDeps, 'quota' | 'clock'>,
  { id, accounts, event }: SpoolEntry,
  charged?: Charged,
): Promise<'settled' | 'duplicate'> {
  const { timeMs, costMicroUsd } = charged ?? decodeUsageEvent(event);
  return quota.settle({
    id,
    nowMs: clock.now(),
    chargedAtMs: timeMs,
    accounts,
    amountMicroUsd: costMicroUsd,
    event,
  });
}

function publish({ bus }: Pick<HandOverDeps, 'bus'>, { id, event }: SpoolEntry): Promise<void> {
  return bus.publish('usage.v1', { id, data: Buffer.from(event), attributes: {} });
}

export function note(log: Log, what: string, id: string, err: AppError): void {
  log.warn('usage waits: its store or its bus did not take it', { what, event_id: id, err });
}
