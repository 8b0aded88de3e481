// BullMQ hands a job to somebody else when its lock runs out: the process was frozen, Redis away for
// longer than the lock lasts, or Redis lost its memory. Then the run is told to stop, so that it does
// not go on beside the other. BullMQ's own renewal tells nobody and outlives a closing that hangs.

import type { Job } from 'bullmq';
import { AppError } from '#shared/errors/app-error.ts';

export interface Lease extends Disposable {
  /** Aborted when the lock is lost. */
  readonly signal: AbortSignal;
}

const RENEWALS_PER_LOCK = 4;

/** Renews the lock of a run until it is disposed; just taken, it is good for `lockMs`. */
export function holdLease(run: Job, token: string, lockMs: number): Lease {
  const lost = new AbortController();
  const lose = () =>
    lost.abort(new AppError('unavailable', 'the job was handed to another process'));
  const silence = setTimeout(lose, lockMs).unref();
  let isAsking = false;
  const renew = async () => {
    // While Redis is away one question waits for it; more would only queue up behind.
    if (isAsking) return;
    isAsking = true;
    try {
      if ((await run.extendLock(token, lockMs)) === 1) silence.refresh();
      else lose();
    } catch {
      // No answer is no renewal: the silence tells.
    } finally {
      isAsking = false;
    }
  };
  const renewal = setInterval(() => void renew(), lockMs / RENEWALS_PER_LOCK).unref();
  return {
    signal: lost.signal,
    [Symbol.dispose]() {
      clearTimeout(silence);
      clearInterval(renewal);
    },
  };
}
