import type { Job } from '#shared/ports/job-runner.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Notice } from '../alerts/notice.ts';
import { type RestoreDeps, restoreQuota } from '../restore.ts';
import { recomputeQuota } from './recompute.ts';
import { relayOutbox } from './relay.ts';
import { type RetentionDeps, retain, sweepGrants } from './retention.ts';
import { sweepReservations } from './sweep-reservations.ts';

export type JobDeps = RestoreDeps &
  RetentionDeps &
  Parameters<typeof sweepGrants>[0] & {
    readonly bus: UsageBus;
    readonly notice: Pick<Notice, 'recheck'>;
    readonly everySeconds: Readonly<Record<JobName, number>>;
  };

export type JobName =
  | 'relay'
  | 'orphans'
  | 'caps'
  | 'restore'
  | 'recompute'
  | 'alerts'
  | 'grants'
  | 'retention';

/**
 * A change of a cap and a revocation are published at once; this mends a publication that failed, and
 * a store that came back from a snapshot older than them.
 */
async function publishAgain({ quota, admin, grants, clock }: JobDeps): Promise<void> {
  await quota.publishCaps(await admin.capTable());
  for (const revocation of await grants.revocations(clock.now())) await quota.revoke(revocation);
}

/** The table of jobs. */
export function jobTable(deps: JobDeps): Job[] {
  const runs: Readonly<Record<JobName, Job['run']>> = {
    relay: (signal) => relayOutbox(deps, signal),
    orphans: (signal) => sweepReservations(deps, signal),
    caps: () => publishAgain(deps),
    restore: (signal) => restoreQuota(deps, signal),
    recompute: async (signal) => void (await recomputeQuota(deps, signal)),
    alerts: (signal) => deps.notice.recheck(signal),
    grants: () => sweepGrants(deps),
    retention: () => retain(deps),
  };
  return Object.entries(runs).map(([name, run]) => {
    return { name, everySeconds: deps.everySeconds[name as JobName], run };
  });
}
