// The only file that may read the real time. Everything else takes a Clock, so that tests move time.

/** Epoch milliseconds, UTC. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Epoch milliseconds as an RFC 3339 timestamp in UTC. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
