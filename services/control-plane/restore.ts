// A quota store that starts empty (in process) or lost its memory (Redis) must know, before it
// answers again: what was settled but not ledgered, who is revoked, which caps hold, what was spent.
//
// Traffic goes on meanwhile, so an account that always has something pending may never stand still
// long enough to be exact. From the first round on it counts at least what the ledger has; it is tried
// again a few times, and may then miss what was pending at the calmest round.

import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '#shared/domain/clock.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import { type RecomputeDeps, recomputeQuota } from './jobs/recompute.ts';
import type { UsageIngest } from './usage/ingest.ts';

export interface RestoreDeps extends RecomputeDeps {
  readonly admin: Pick<AdminStore, 'capTable'>;
  readonly grants: Pick<GrantStore, 'revocations'>;
  readonly ingest: UsageIngest;
  readonly clock: Clock;
}

const BATCH = 100;
const ROUNDS_MAX = 5;
const ROUND_PAUSE_MS = 100;

/** Does nothing where the store is whole. @throws AppError `unavailable` when a store is away. */
export async function restoreQuota(deps: RestoreDeps, signal: AbortSignal): Promise<void> {
  const { quota, grants, admin, clock, log } = deps;
  if (await quota.isWhole()) return;
  const startedMs = clock.now();
  for (const revocation of await grants.revocations(startedMs)) await quota.revoke(revocation);
  await quota.publishCaps(await admin.capTable());
  let left = await restoreSpend(deps, signal);
  for (let round = 1; left > 0 && round < ROUNDS_MAX && !signal.aborted; round += 1) {
    await pause(ROUND_PAUSE_MS, undefined, { signal }).catch(() => undefined);
    left = await restoreSpend(deps, signal);
  }
  if (signal.aborted) return;
  await quota.markWhole();
  log.info('the quota store is whole', { restored_in_ms: clock.now() - startedMs, left });
}

/** The outbox straight into the ledger, so that little is pending when the totals are taken over. */
async function restoreSpend(deps: RestoreDeps, signal: AbortSignal): Promise<number> {
  await ledgerOutbox(deps, deps.clock.now());
  return recomputeQuota(deps, signal);
}

async function ledgerOutbox(
  { quota, ingest }: Pick<RestoreDeps, 'quota' | 'ingest'>,
  settledBeforeMs: number,
): Promise<void> {
  for (;;) {
    const entries = await quota.outbox(settledBeforeMs, BATCH);
    if (entries.length === 0) return;
    const { dead = [] } = await ingest(
      entries.map(({ id, event }) => ({ id, data: Buffer.from(event), attributes: {} })),
    );
    await quota.apply(
      [],
      dead.map(({ id }) => id),
    );
  }
}
