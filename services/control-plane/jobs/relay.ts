import type { Clock } from '#shared/domain/clock.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';

export interface RelayDeps {
  readonly quota: Pick<QuotaStore, 'outbox'>;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly clock: Clock;
}

/** How old an outbox entry is before it counts as not published: a consumer's round trip and more. */
const SETTLED_BEFORE_MS = 5_000;
/** Published at once: the bus sends many together, and one after the other each would wait for it. */
const BATCH = 500;

/**
 * Publishes again what was settled but has not reached the ledger, all of it. The ledger drops the
 * doubles. What is applied meanwhile moves the rest forward, past what is skipped: the next run has it.
 */
export async function relayOutbox(
  { quota, bus, clock }: RelayDeps,
  signal: AbortSignal,
): Promise<void> {
  const settledBeforeMs = clock.now() - SETTLED_BEFORE_MS;
  for (let skip = 0; !signal.aborted; skip += BATCH) {
    const entries = await quota.outbox(settledBeforeMs, BATCH, skip);
    await Promise.all(
      entries.map(({ id, event }) =>
        bus.publish('usage.v1', { id, data: Buffer.from(event), attributes: {} }),
      ),
    );
    if (entries.length < BATCH) return;
  }
}
