import type { Job } from '#shared/ports/job-runner.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import { type RecomputeDeps, recomputeQuota } from './recompute.ts';
import { relayOutbox } from './relay.ts';
import { type RetentionDeps, retain, sweepGrants } from './retention.ts';
import { sweepReservations } from './sweep-reservations.ts';

export type JobDeps = RecomputeDeps &
  RetentionDeps &
  Parameters<typeof sweepGrants>[0] & { readonly bus: UsageBus };

/** An admin's change is published at once; this mends a publication that failed. */
async function publishCaps({ quota, admin }: JobDeps): Promise<void> {
  await quota.publishCaps(await admin.capTable());
}

/** The table of jobs. */
export function jobTable(deps: JobDeps): Job[] {
  return [
    { name: 'relay', everySeconds: 5, run: (signal) => relayOutbox(deps, signal) },
    { name: 'orphans', everySeconds: 10, run: (signal) => sweepReservations(deps, signal) },
    { name: 'caps', everySeconds: 10, run: () => publishCaps(deps) },
    { name: 'recompute', everySeconds: 60, run: (signal) => recomputeQuota(deps, signal) },
    { name: 'grants', everySeconds: 60, run: () => sweepGrants(deps) },
    { name: 'retention', everySeconds: 86_400, run: () => retain(deps) },
  ];
}
