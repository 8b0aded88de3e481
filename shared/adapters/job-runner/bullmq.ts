// Jobs on BullMQ: one run per tick over all instances. Redis may be away at any time and may come
// back empty: what was scheduled is told to it again whenever it is reached, and from time to time.

import { type Clock, systemClock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import { type BullMqJob, openBullMqJob } from './bullmq-job.ts';
import {
  answered,
  type BullMqRedisOptions,
  connectBullMqRedis,
  isOverWithin,
  redisAway,
} from './bullmq-redis.ts';

export interface BullMqJobsOptions extends BullMqRedisOptions {
  /** Keys begin with `{prefix}:bull`: the quota store's prefix, so that a cluster keeps all in one slot. */
  readonly prefix: string;
  /** Must tell the system's time, as BullMQ does. */
  readonly clock?: Clock;
  /** The run of a process that died starts elsewhere after one to two of these. Default 5000. */
  readonly lockMs?: number;
  /** How often the schedule is told to Redis again. Default 10 000. */
  readonly refreshMs?: number;
  /** How long Redis may take to answer. Default 5000. */
  readonly answerWithinMs?: number;
  /** How long closing may wait for what runs. Default 10 000. */
  readonly closeWithinMs?: number;
}

const DEFAULTS = {
  clock: systemClock,
  lockMs: 5000,
  refreshMs: 10_000,
  answerWithinMs: 5000,
  closeWithinMs: 10_000,
};

/**
 * Opens whether or not Redis is there. Without it `schedule` resolves, and the job begins when it is
 * back; `runNow` and `states` answer `unavailable`. Closing aborts the signal of what runs and waits
 * for it, up to a deadline; what did not end then runs again elsewhere.
 */
export async function openBullMqJobs(options: BullMqJobsOptions): Promise<JobRunner> {
  const { clock, lockMs, refreshMs, answerWithinMs, closeWithinMs } = { ...DEFAULTS, ...options };
  const { log } = options;
  const prefix = `{${options.prefix}}:bull`;
  const redis = await connectBullMqRedis(options);
  const stopping = new AbortController();
  const jobs = new Map<string, BullMqJob>();

  const ask = async <T>(asking: () => Promise<T>): Promise<T> => {
    if (redis.status !== 'ready') throw redisAway();
    return answered(asking(), answerWithinMs);
  };
  const publish = async (name: string, job: BullMqJob) => {
    if (redis.status !== 'ready') return;
    try {
      await answered(job.publish(), answerWithinMs);
    } catch (caught) {
      const err = AppError.from(caught);
      log.warn('a job could not be scheduled in Redis yet; it is tried again', { job: name, err });
    }
  };
  const publishAll = () => {
    for (const [name, job] of jobs) void publish(name, job);
  };
  redis.on('ready', publishAll);
  const refresh = setInterval(publishAll, refreshMs);
  refresh.unref();

  let closing: Promise<void> | null = null;
  const end = async (all: readonly BullMqJob[]) => {
    const lost = new Promise((resolve) => redis.once('close', resolve));
    await Promise.all(all.map((job) => job.idle()));
    if (redis.status !== 'ready') return;
    await Promise.race([lost, Promise.allSettled(all.map((job) => job.finish()))]);
  };
  const close = async () => {
    stopping.abort();
    clearInterval(refresh);
    const all = [...jobs.values()];
    if (!(await isOverWithin(end(all), closeWithinMs))) {
      log.warn('jobs did not end in time; they run again elsewhere', { closeWithinMs });
    }
    await Promise.allSettled(all.map((job) => job.drop()));
    redis.disconnect();
  };

  return {
    async schedule(job) {
      assertOpen(stopping.signal);
      let known = jobs.get(job.name);
      known?.replace(job);
      if (known === undefined) {
        known = openBullMqJob(job, {
          redis,
          prefix,
          lockMs,
          clock,
          log,
          stopping: stopping.signal,
        });
        jobs.set(job.name, known);
      }
      await publish(job.name, known);
    },
    async runNow(name) {
      assertOpen(stopping.signal);
      const job = jobs.get(name);
      if (job === undefined) throw noSuchJob(name);
      await job.runNow(ask);
    },
    async states() {
      assertOpen(stopping.signal);
      return ask(() => Promise.all([...jobs.values()].map((job) => job.state())));
    },
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

function assertOpen(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new AppError('unavailable', 'the job runner is closed; ask again in a moment');
}

function noSuchJob(name: string): AppError {
  return new AppError('not_found', `there is no job "${name}"; list the jobs to see their names`);
}
