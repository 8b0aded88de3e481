import { openInProcessJobs } from '#shared/adapters/job-runner/in-process.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import type { Instance } from './instance.ts';
import { createMemoryLog } from './log.ts';

export function openJobs(): JobRunner {
  return openInProcessJobs({ log: createMemoryLog() });
}

/** Timers have no data: another handle or a reopened one is simply a new runner. */
export async function openJobsInstance(): Promise<Instance<JobRunner>> {
  let open: JobRunner[] = [];
  const another = async () => {
    const jobs = openJobs();
    open.push(jobs);
    return jobs;
  };
  const closeAll = async () => {
    for (const jobs of open) await jobs[Symbol.asyncDispose]();
    open = [];
  };
  return {
    port: await another(),
    another,
    async reopen() {
      await closeAll();
      return another();
    },
    opener: { module: import.meta.url, export: 'openJobs', argument: '' },
    [Symbol.asyncDispose]: closeAll,
  };
}
