import type { JobRunner } from '#shared/ports/job-runner.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';

export const HANGING_JOB: ChildTask = { module: import.meta.url, export: 'hang' };

/** Starts the job "hanging", says so and never ends it. */
export const hang: ChildWork<JobRunner> = async (jobs, print) => {
  setInterval(() => {}, 60_000);
  await jobs.schedule({
    name: 'hanging',
    everySeconds: 0.02,
    run: async () => {
      print('running');
      await new Promise(() => {});
    },
  });
  await new Promise(() => {});
};
