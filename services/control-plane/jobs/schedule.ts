import type { Job } from '#shared/ports/job-runner.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import { type RestoreDeps, restoreQuota } from '../restore.ts';
import { recomputeQuota } from './recompute.ts';
import { relayOutbox } from './relay.ts';
import { type RetentionDeps, retain, sweepGrants } from './retention.ts';
import { sweepReservations } from './sweep-reservations.ts';

export type JobDeps = RestoreDeps &
  RetentionDeps &
  Parameters<typeof sweepGrants>[0] & {
    readonly bus: UsageBus;
    readonly everySeconds: Readonly<Record<JobName, number>>;
  };

export type JobName =
  | 'relay'
  | 'orphans'
  | 'caps'
  | 'restore'
  | 'recompute'
  | 'grants'
  | 'retention';

/** An admin's change is published at once; this mends a publication that failed. */
async function publishCaps({ quota, admin }: JobDeps): Promise<void> {
  await quota.publishCaps(await admin.capTable());
}

/** The table of jobs. */
export function jobTable(deps: JobDeps): Job[] {
  const runs: Readonly<Record<JobName, Job['run']>> = {
    relay: (signal) => relayOutbox(deps, signal),
    orphans: (signal) => sweepReservations(deps, signal),
    caps: () => publishCaps(deps),
    restore: (signal) => restoreQuota(deps, signal),
    recompute: async (signal) => void (await recomputeQuota(deps, signal)),
    grants: () => sweepGrants(deps),
    retention: () => retain(deps),
  };
  return Object.entries(runs).map(([name, run]) => {
    return { name, everySeconds: deps.everySeconds[name as JobName], run };
  });
}
