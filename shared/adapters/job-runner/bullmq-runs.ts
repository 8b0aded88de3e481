// What is known of a job's runs, over all instances: a hash beside BullMQ's own keys of its queue.
// A run is named by its lock's token. It is under way while it was begun and not ended, and BullMQ
// still has it among the active: a killed process ends nothing.

import type { Redis } from 'ioredis';

export interface JobRuns {
  /** Not awaited: what comes later on the same connection sees it. */
  begun(token: string, atMs: number): void;
  ended(token: string, durationMs: number, error: string | null): void;
  read(): Promise<RunsRead>;
}

export interface RunsRead {
  readonly lastRunMs: number | null;
  readonly lastDurationMs: number | null;
  readonly lastError: string | null;
  /** BullMQ's id of the run that is under way. */
  readonly activeId: string | null;
}

/** `keyOf` gives the queue's Redis keys. */
export function createJobRuns(redis: Redis, keyOf: (type: string) => string): JobRuns {
  const key = keyOf('runs');
  const write = (fields: Record<string, string>) => {
    // It waits out an outage; what a closing connection drops is only history.
    redis.hset(key, fields).catch(() => {});
  };
  return {
    begun: (token, atMs) => write({ begun: token, runMs: `${atMs}` }),
    ended: (token, durationMs, error) =>
      write({ ended: token, durationMs: `${durationMs}`, error: error ?? '' }),
    async read() {
      const [fields, active] = await Promise.all([
        redis.hgetall(key),
        redis.lindex(keyOf('active'), 0),
      ]);
      const { begun, ended, runMs, durationMs, error } = fields;
      return {
        lastRunMs: runMs === undefined ? null : Number(runMs),
        lastDurationMs: durationMs === undefined ? null : Number(durationMs),
        lastError: error === undefined || error === '' ? null : error,
        activeId: begun === ended ? null : active,
      };
    },
  };
}
