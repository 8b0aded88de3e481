// The only file that may read the real time. Everything else takes a Clock, so that tests move time.

/** Epoch milliseconds, UTC. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** The last second that was asked for: most instants that are written down are of now. */
let second = Number.NaN;
let secondText = '';

/** Epoch milliseconds as an RFC 3339 timestamp in UTC. */
export function isoTime(atMs: number): string {
  const ms = Math.trunc(atMs);
  const asked = Math.floor(ms / 1000);
  if (asked !== second) {
    secondText = new Date(asked * 1000).toISOString().slice(0, -'000Z'.length);
    second = asked;
  }
  return `${secondText}${String(ms - asked * 1000).padStart(3, '0')}Z`;
}
