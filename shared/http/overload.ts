// Whether this process has more to do than it can: then requests that can come again are told so before
// any work, and streams that run keep what there is. Three signs: everything is late, time after time
// (one pause, as of a collector of garbage, is none); memory is nearly gone; as many requests are open
// as the operator allows.
//
// Cost: a timer ten times a second; a request costs a comparison and a counter.

import { randomInt } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { totalmem } from 'node:os';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface OverloadLimits {
  /** How late timers may be, in milliseconds. */
  readonly delayMs: number;
  /** Null: as many as come. */
  readonly openRequestsMax: number | null;
}

export interface OverloadOptions {
  /** Asked each time, so that a reload holds at once. */
  readonly limits: () => OverloadLimits;
  /** The part of the memory there is that this process holds; default: what the system says. */
  readonly memoryPart?: () => number;
  /** How many processes like this one share that memory; default 1. */
  readonly sharers?: number;
  /** Milliseconds that never jump; default: the process's own. */
  readonly now?: () => number;
  readonly log: Log;
}

export interface Overload extends Disposable {
  /** Null: it may go on, and is open until its answer is over. Else what to answer. */
  admit(res: ServerResponse): AppError | null;
  /** For the operator: that requests were refused in the last seconds, and why. */
  trouble(): string | null;
}

const TICK_MS = 100;
/** In a row: each is a whole turn of the event loop in which everybody waited. */
const LATE_TICKS = 2;
const MEMORY_PART_MAX = 0.9;
const TOLD_EVERY_MS = 10_000;
/** Seconds, at random: those who were refused together are not to come back together. */
const RETRY_AFTER = { min: 1, max: 4 };

export function openOverload(options: OverloadOptions): Overload {
  const { limits, memoryPart = memoryPartOf(), sharers = 1 } = options;
  const { now = () => performance.now(), log } = options;
  let open = 0;
  let lateTicks = 0;
  let isLate = false;
  let isFull = false;
  let refused = 0;
  let reason = '';
  let refusedAtMs = Number.NEGATIVE_INFINITY;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let tickedAtMs = now();

  function tell(nowMs: number): void {
    if (refused === 0 || nowMs - toldAtMs < TOLD_EVERY_MS) return;
    log.warn('overloaded: requests were told to come again', { refused, reason, open });
    toldAtMs = nowMs;
    refused = 0;
  }

  const timer = setInterval(() => {
    const nowMs = now();
    const lateMs = nowMs - tickedAtMs - TICK_MS;
    tickedAtMs = nowMs;
    const { delayMs } = limits();
    lateTicks = lateMs > delayMs ? lateTicks + 1 : 0;
    // Refusing is quick, so it shows at once: to stay calm it has to be clearly better.
    isLate = isLate ? lateMs > delayMs / 2 : lateTicks >= LATE_TICKS;
    isFull = memoryPart() * sharers > MEMORY_PART_MAX;
    tell(nowMs);
  }, TICK_MS).unref();

  function fault(): string | null {
    // What is late with nothing open is not late because of requests.
    if (open === 0) return null;
    const { openRequestsMax } = limits();
    if (openRequestsMax !== null && open >= openRequestsMax) return 'limits.open_requests_max';
    if (isFull) return 'memory';
    return isLate ? 'limits.overload_delay_ms' : null;
  }

  return {
    admit(res) {
      const found = fault();
      if (found === null) {
        open += 1;
        res.once('close', () => {
          open -= 1;
        });
        return null;
      }
      reason = found;
      refused += 1;
      refusedAtMs = now();
      const retryAfterSeconds = randomInt(RETRY_AFTER.min, RETRY_AFTER.max + 1);
      const message = 'the gateway has too much to do; send the request again';
      return new AppError('overloaded', message, { retryAfterSeconds });
    },
    trouble: () =>
      now() - refusedAtMs < TOLD_EVERY_MS
        ? `requests are told to come again (${reason}); ${open} are open`
        : null,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** In a container its limit counts, not the machine's memory. Asked for once: it is read from files. */
function memoryPartOf(): () => number {
  const limit = process.constrainedMemory();
  const all = totalmem();
  const most = limit > 0 && limit < all ? limit : all;
  return () => process.memoryUsage.rss() / most;
}
