// A quota store that starts empty (in process) or lost its memory must know, before the first
// request: what was settled but not ledgered, who is revoked, which caps hold, what was spent.

import type { Clock } from '#shared/domain/clock.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import { type RecomputeDeps, recomputeQuota } from './jobs/recompute.ts';
import type { UsageIngest } from './usage/ingest.ts';

export interface RestoreDeps extends RecomputeDeps {
  readonly admin: AdminStore;
  readonly grants: GrantStore;
  readonly ingest: UsageIngest;
  readonly clock: Clock;
}

const BATCH = 100;

export async function restoreQuota(deps: RestoreDeps, signal: AbortSignal): Promise<void> {
  const { quota, grants, admin, clock } = deps;
  for (const revocation of await grants.revocations(clock.now())) await quota.revoke(revocation);
  await quota.publishCaps(await admin.capTable());
  await ledgerOutbox(deps);
  await recomputeQuota(deps, signal);
}

/** Straight into the ledger, so that nothing is pending when the totals are taken over. */
async function ledgerOutbox({ quota, ingest, clock }: RestoreDeps): Promise<void> {
  for (;;) {
    const entries = await quota.outbox(clock.now(), BATCH);
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
