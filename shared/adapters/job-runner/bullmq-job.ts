// One recurring job: a queue of its own, whose concurrency over all instances is one, so that a slow
// job never overlaps itself; a scheduler that makes one BullMQ job per tick; a worker that runs them.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Job as BullMqRun, isNotConnectionError, Queue, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Job, JobState } from '#shared/ports/job-runner.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { holdLease } from './bullmq-lease.ts';
import { createJobRuns } from './bullmq-runs.ts';

/** Asks Redis something, and rejects with `unavailable` rather than wait. */
export type Ask = <T>(asking: () => Promise<T>) => Promise<T>;

export interface BullMqJob {
  /** Takes the place of what was scheduled under this name. */
  replace(job: Job): void;
  /** Tells Redis the schedule. Harmless when it is known; needed when Redis lost its memory. */
  publish(): Promise<void>;
  /** Runs now, or joins the run under way. */
  runNow(ask: Ask): Promise<void>;
  state(): Promise<JobState>;
  /** Starts nothing more, and resolves when what runs here has ended. */
  idle(): Promise<void>;
  /** Once idle: resolves when Redis was told how all ended; never, when Redis is away. */
  finish(): Promise<void>;
  /** Lets go of everything, whatever came before. */
  drop(): Promise<void>;
}

export interface BullMqJobDeps {
  readonly redis: Redis;
  readonly prefix: string;
  /** How long a dead process keeps its run from others, about. */
  readonly lockMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the runner closes. */
  readonly stopping: AbortSignal;
}

/** A run in this process; the latest one is kept, so that who asked for it hears its own error. */
interface LocalRun {
  readonly id: string;
  readonly end: Promise<void>;
  isUnderWay: boolean;
}

const KEPT_RUNS = 100;
const RETRY_AFTER_MS = 1000;
const ASK_AGAIN_MS = 25;

export function openBullMqJob(first: Job, deps: BullMqJobDeps): BullMqJob {
  const { redis, prefix, lockMs, clock, log, stopping } = deps;
  const { name } = first;
  let job = first;
  let sinceMs = clock.now();
  let latest: LocalRun | null = null;
  let wanted: Promise<void> | null = null;

  // With `skipVersionCheck` BullMQ would assume an old Redis and wait in whole seconds.
  const shared = { connection: redis, prefix };
  const queue = new Queue(name, {
    ...shared,
    streams: { events: { maxLen: KEPT_RUNS } },
    defaultJobOptions: {
      removeOnComplete: KEPT_RUNS,
      removeOnFail: KEPT_RUNS,
      stackTraceLimit: 0,
    },
  });
  const runs = createJobRuns(redis, (type) => queue.toKey(type));
  const worker = new Worker(name, work, {
    ...shared,
    lockDuration: lockMs,
    skipLockRenewal: true,
    stalledInterval: lockMs / 2,
    runRetryDelay: RETRY_AFTER_MS,
  });
  const complain = (err: Error) => {
    // Outages are told once, where the connection is.
    const isOutage = !isNotConnectionError(err) || 'syscall' in err;
    if (!isOutage) log.warn('a job queue has trouble', { job: name, err });
  };
  queue.on('error', complain);
  worker.on('error', complain);

  async function work(run: BullMqRun, token = ''): Promise<void> {
    if (stopping.aborted) {
      await run.moveToWait(token);
      throw new WaitingError();
    }
    const id = run.id ?? '';
    using lease = holdLease(run, token, lockMs);
    const end = execute(token, AbortSignal.any([stopping, lease.signal]));
    const local: LocalRun = { id, end, isUnderWay: true };
    latest = local;
    try {
      await end;
    } catch (caught) {
      throw new Error(operatorText(caught));
    } finally {
      local.isUnderWay = false;
    }
  }

  async function execute(token: string, signal: AbortSignal): Promise<void> {
    const startedMs = clock.now();
    let error: string | null = null;
    runs.begun(token, startedMs);
    try {
      await job.run(signal);
    } catch (caught) {
      const err = AppError.from(caught);
      error = operatorText(err);
      log.error('a job failed and runs again at its next tick', { job: name, err });
      throw caught;
    } finally {
      runs.ended(token, clock.now() - startedMs, error);
    }
  }

  async function request(ask: Ask): Promise<void> {
    const { activeId } = await ask(runs.read);
    // Not a number of Redis's: it counts anew when it lost its memory.
    const id = activeId ?? randomUUID();
    if (activeId === null) await ask(() => queue.add('now', {}, { jobId: id }));
    for (;;) {
      if (latest?.id === id) return latest.end;
      const found = await ask(() => queue.getJob(id));
      if (found === undefined) throw runLost();
      if (found.finishedOn !== undefined) {
        if (found.failedReason !== undefined) throw new Error(found.failedReason);
        return;
      }
      await pause(ASK_AGAIN_MS);
    }
  }

  return {
    replace(next) {
      job = next;
      sinceMs = clock.now();
    },
    async publish() {
      await queue.setGlobalConcurrency(1);
      const every = Math.max(1, Math.round(job.everySeconds * 1000));
      const startDate = nextTickMs(sinceMs, every, clock.now());
      await queue.upsertJobScheduler('tick', { every, startDate }, { name: 'tick' });
    },
    async runNow(ask) {
      if (latest?.isUnderWay) return latest.end;
      wanted ??= request(ask).finally(() => {
        wanted = null;
      });
      return wanted;
    },
    async state() {
      const { lastRunMs, lastDurationMs, lastError, activeId } = await runs.read();
      return { name, lastRunMs, lastDurationMs, lastError, running: activeId !== null };
    },
    async idle() {
      worker.pause(true).catch(() => {});
      await latest?.end.catch(() => {});
    },
    finish: () => worker.close(),
    async drop() {
      // A closing that hangs answers for this one too, so it is not awaited.
      worker.close(true).catch(() => {});
      await worker.getBackend().close(true);
      await queue.close();
    },
  };
}

/** Without it the first tick would come at once; after a loss of memory the ticks keep their beat. */
function nextTickMs(sinceMs: number, everyMs: number, nowMs: number): number {
  const ticks = Math.floor((nowMs - sinceMs) / everyMs) + 1;
  return sinceMs + ticks * everyMs;
}

function operatorText(caught: unknown): string {
  const error = AppError.from(caught);
  return error.detail ?? error.message;
}

function runLost(): AppError {
  return new AppError('unavailable', 'Redis lost the run with its memory; ask for it again');
}
