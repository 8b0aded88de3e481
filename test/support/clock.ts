import type { Clock } from '#shared/domain/clock.ts';

export interface TestClock extends Clock {
  advance(ms: number): void;
}

/** 2026-11-24T12:00:00Z, a Tuesday: far from the edges of its day, week and month. */
export const NOON_MS = 1_795_521_600_000;

/** Time that stands still until a test moves it. */
export function createTestClock(startMs: number = NOON_MS): TestClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}
