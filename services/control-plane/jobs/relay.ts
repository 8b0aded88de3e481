import type { Clock } from '#shared/domain/clock.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';

/** How old an outbox entry is before it counts as not published: a consumer's round trip and more. */
const SETTLED_BEFORE_MS = 5_000;
const BATCH = 500;

/** Publishes again what was settled but has not reached the ledger. The ledger drops the doubles. */
export async function relayOutbox(
  deps: { quota: QuotaStore; bus: UsageBus; clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const entries = await deps.quota.outbox(deps.clock.now() - SETTLED_BEFORE_MS, BATCH);
  for (const { id, event } of entries) {
    if (signal.aborted) return;
    await deps.bus.publish('usage.v1', { id, data: Buffer.from(event), attributes: {} });
  }
}
