// One usage event → ledger → quota → notice → ack: the second straight line. A failure before the end means
// redelivery, which changes nothing that was done before; an event that can never be read is dead.

import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { decodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { BatchResult, Message } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Notice } from '../alerts/notice.ts';
import { createPriceCheck, type PriceCheckDeps } from './check-prices.ts';
import { createNoteSeen, type NoteSeenDeps } from './note-seen.ts';

export interface UsageIngestDeps extends PriceCheckDeps, NoteSeenDeps {
  readonly ledger: Ledger;
  readonly quota: QuotaStore;
  /** Looks at what the events were counted against. Never rejects. */
  readonly notice: Pick<Notice, 'noticed'>;
  readonly log: Log;
}

export type UsageIngest = (batch: readonly Message[]) => Promise<BatchResult>;

export function createUsageIngest(deps: UsageIngestDeps): UsageIngest {
  const checkPrices = createPriceCheck(deps);
  const noteSeen = createNoteSeen(deps);
  return async (batch) => {
    const { events, dead } = readBatch(batch, deps.log);
    const { recorded, duplicates } = await deps.ledger.record(events);
    const fresh = new Set(recorded);
    checkPrices(events.filter(({ id }) => fresh.has(id)));
    const uncounted = await countedOtherwise(deps.ledger, events, duplicates);
    const counted = duplicates.filter((id) => !uncounted.includes(id));
    await deps.quota.apply([...recorded, ...counted], uncounted);
    await noteSeen(events);
    await deps.notice.noticed(events);
    return { dead };
  };
}

function readBatch(batch: readonly Message[], log: Log) {
  const events = new Map<string, UsageEvent>();
  const dead: { id: string; reason: string }[] = [];
  for (const message of batch) {
    try {
      const event = decodeUsageEvent(message.data);
      events.set(event.id, event);
    } catch (caught) {
      const reason = AppError.from(caught).message;
      dead.push({ id: message.id, reason });
      log.error('a usage event cannot be read and went to the dead letters', {
        message_id: message.id,
        reason,
      });
    }
  }
  return { events: [...events.values()], dead };
}

/**
 * Duplicates whose place in the ledger is taken by another account of the same request: the sweep
 * billed an orphan whose data plane was only slow, or the other way round. The first one stands.
 */
async function countedOtherwise(
  ledger: Ledger,
  events: readonly UsageEvent[],
  duplicates: readonly string[],
): Promise<string[]> {
  if (duplicates.length === 0) return [];
  const known = new Map((await ledger.events(duplicates)).map((event) => [event.id, event]));
  return events
    .filter(({ id, outcome, costMicroUsd }) => {
      const stands = known.get(id);
      return (
        stands !== undefined && (stands.outcome !== outcome || stands.costMicroUsd !== costMicroUsd)
      );
    })
    .map(({ id }) => id);
}
