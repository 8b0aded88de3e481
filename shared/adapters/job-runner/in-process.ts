// Jobs on timers of this process. A tick that comes while the job is still running is skipped, so a
// job never overlaps itself. Timers keep no process alive.

import type { Clock } from '#shared/domain/clock.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Job, JobRunner, JobState } from '#shared/ports/job-runner.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface InProcessJobsOptions {
  readonly clock?: Clock;
  readonly log: Log;
}

interface Scheduled {
  job: Job;
  timer: NodeJS.Timeout;
  running: Promise<void> | null;
  lastRunMs: number | null;
  lastDurationMs: number | null;
  lastError: string | null;
}

const NEVER_RAN = { running: null, lastRunMs: null, lastDurationMs: null, lastError: null };

/** Closing aborts the signal of what runs and waits for it. */
export function openInProcessJobs(options: InProcessJobsOptions): JobRunner {
  const { clock = systemClock, log } = options;
  const byName = new Map<string, Scheduled>();
  const stopping = new AbortController();

  function start(scheduled: Scheduled): Promise<void> {
    scheduled.running ??= run(scheduled, stopping.signal, clock, log).finally(() => {
      scheduled.running = null;
    });
    return scheduled.running;
  }

  function tick(name: string): void {
    const scheduled = byName.get(name);
    // The failure was logged and is in the job's state; the next tick tries again.
    if (scheduled !== undefined) start(scheduled).catch(() => {});
  }

  return {
    async schedule(job) {
      assertOpen(stopping.signal);
      const known = byName.get(job.name);
      clearInterval(known?.timer);
      const timer = setInterval(() => tick(job.name), job.everySeconds * 1000);
      timer.unref();
      // Scheduled anew it keeps its history, and a run under way goes on being the only one.
      if (known === undefined) byName.set(job.name, { ...NEVER_RAN, job, timer });
      else Object.assign(known, { job, timer });
    },
    async runNow(name) {
      assertOpen(stopping.signal);
      const scheduled = byName.get(name);
      if (scheduled === undefined) {
        throw new AppError(
          'not_found',
          `there is no job "${name}"; list the jobs to see their names`,
        );
      }
      await start(scheduled);
    },
    async states() {
      assertOpen(stopping.signal);
      return [...byName.values()].map(jobState);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      for (const { timer } of byName.values()) clearInterval(timer);
      await Promise.allSettled([...byName.values()].map(({ running }) => running));
    },
  };
}

async function run(
  scheduled: Scheduled,
  signal: AbortSignal,
  clock: Clock,
  log: Log,
): Promise<void> {
  const { job } = scheduled;
  const startedMs = clock.now();
  scheduled.lastRunMs = startedMs;
  try {
    await job.run(signal);
    scheduled.lastError = null;
  } catch (caught) {
    const error = AppError.from(caught);
    scheduled.lastError = error.detail ?? error.message;
    log.error('a job failed and runs again at its next tick', { job: job.name, err: error });
    throw caught;
  } finally {
    scheduled.lastDurationMs = clock.now() - startedMs;
  }
}

function assertOpen(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new AppError('unavailable', 'the job runner is closed; ask again in a moment');
}

function jobState(scheduled: Scheduled): JobState {
  const { job, running, lastRunMs, lastDurationMs, lastError } = scheduled;
  return { name: job.name, lastRunMs, lastDurationMs, lastError, running: running !== null };
}
