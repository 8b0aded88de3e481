// Whether to ask a Redis that stopped answering. A hung server costs every request its whole
// time-out, so after some time-outs in a row nobody waits any more, and one call per pause looks
// whether it is back. A server that refuses connections costs nothing and needs no breaker.

export type Breaker =
  | { readonly phase: 'closed'; readonly timeouts: number }
  | { readonly phase: 'open'; readonly sinceMs: number }
  /** One call is under way to see. */
  | { readonly phase: 'probing' };

export type Turn = 'call' | 'probe' | 'skip';

export const CLOSED: Breaker = { phase: 'closed', timeouts: 0 };
export const TIMEOUTS_MAX = 5;
export const PAUSE_MS = 1000;

/** What the next call may do, and the breaker after it was asked. */
export function takeTurn(breaker: Breaker, nowMs: number): { turn: Turn; breaker: Breaker } {
  if (breaker.phase === 'closed') return { turn: 'call', breaker };
  if (breaker.phase === 'probing' || isPause(breaker.sinceMs, nowMs)) {
    return { turn: 'skip', breaker };
  }
  return { turn: 'probe', breaker: { phase: 'probing' } };
}

/** Redis said something, be it an error. */
export function answered(breaker: Breaker): Breaker {
  return breaker.phase === 'closed' && breaker.timeouts === 0 ? breaker : CLOSED;
}

/** Calls that were under way when it opened time out later: only the probe counts then. */
export function timedOut(breaker: Breaker, turn: Turn, nowMs: number): Breaker {
  if (turn === 'probe') return { phase: 'open', sinceMs: nowMs };
  if (breaker.phase !== 'closed') return breaker;
  const timeouts = breaker.timeouts + 1;
  return timeouts >= TIMEOUTS_MAX
    ? { phase: 'open', sinceMs: nowMs }
    : { phase: 'closed', timeouts };
}

/** There was no connection, which is known at once: no time-out, and no sign of life either. */
export function refused(breaker: Breaker, turn: Turn): Breaker {
  return turn === 'probe' ? CLOSED : breaker;
}

/** A clock that was set back must not stretch the pause. */
function isPause(sinceMs: number, nowMs: number): boolean {
  return nowMs >= sinceMs && nowMs < sinceMs + PAUSE_MS;
}
