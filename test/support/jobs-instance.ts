import { openInProcessJobs } from '#shared/adapters/job-runner/in-process.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import { type Instance, instanceOf } from './instance.ts';
import { createMemoryLog } from './log.ts';

export function openJobs(): JobRunner {
  return openInProcessJobs({ log: createMemoryLog() });
}

/** Timers have no data: another handle or a reopened one is simply a new runner. */
export async function openJobsInstance(): Promise<Instance<JobRunner>> {
  return instanceOf({ module: import.meta.url, export: 'openJobs', argument: '' }, async () =>
    openJobs(),
  );
}
