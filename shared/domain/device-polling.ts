// How often a terminal may ask whether its sign-in is approved (RFC 8628 §3.5). Pure.

export interface PollPace {
  readonly intervalSeconds: number;
  /** The last poll that was not too early, in epoch milliseconds; null before the first. */
  readonly polledAtMs: number | null;
}

export interface PacedPoll {
  /** Too early: to be answered `slow_down`. */
  readonly slowDown: boolean;
  /** What holds for the next poll. */
  readonly next: PollPace;
}

/** What `slow_down` adds to the interval. */
const SLOW_DOWN_SECONDS = 5;
/** A terminal's timer and the way here may be so much off. */
const GRACE_SECONDS = 1;

/**
 * A poll is early less than the interval, but for a second, after the last one that was not. It
 * lengthens the interval and leaves that moment where it is.
 */
export function paceDevicePoll(pace: PollPace, nowMs: number): PacedPoll {
  const { intervalSeconds, polledAtMs } = pace;
  const waitMs = (intervalSeconds - GRACE_SECONDS) * 1000;
  if (polledAtMs === null || nowMs - polledAtMs >= waitMs) {
    return { slowDown: false, next: { intervalSeconds, polledAtMs: nowMs } };
  }
  const longer = intervalSeconds + SLOW_DOWN_SECONDS;
  return { slowDown: true, next: { intervalSeconds: longer, polledAtMs } };
}
