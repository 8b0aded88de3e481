// At most so often: a turn that comes after a pause is given at once, turns in quick succession wait
// for each other's time. What piles up meanwhile is done together.

import { setTimeout as pause } from 'node:timers/promises';

export type Pace = () => Promise<void>;

export function createPace(everyMs: number): Pace {
  let nextAtMs = 0;
  return async () => {
    const waitMs = nextAtMs - performance.now();
    nextAtMs = performance.now() + Math.max(0, waitMs) + everyMs;
    if (waitMs > 0) await pause(waitMs);
  };
}
