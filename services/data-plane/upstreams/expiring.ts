// Credentials that end: one in memory, fetched again in the background ahead of its end, one fetch in
// flight however many requests wait. A fetch that fails while the old one still holds is only logged;
// without one the request fails over to the next upstream.

import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface Expiring<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

export interface ExpiringOptions<T> {
  readonly obtain: () => Promise<Expiring<T>>;
  readonly words: {
    /** For the operator, when there is none. */
    readonly missing: string;
    /** For the log, while the old one still holds. */
    readonly notRefreshed: string;
  };
  /** How long before its end it is fetched again. Default: five minutes. */
  readonly refreshAheadMs?: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const REFRESH_AHEAD_MS = 300_000;
/** What is this close to its end may be over before the upstream has read it. */
const TOO_LATE_MS = 20_000;
const RETRY_AFTER_MS = 5_000;

/** The one that holds now. @throws AppError `unavailable` when there is none. */
export function createExpiring<T>(options: ExpiringOptions<T>): () => Promise<T> {
  const { obtain, words, refreshAheadMs = REFRESH_AHEAD_MS, clock, log } = options;
  let current: Expiring<T> | null = null;
  let inFlight: Promise<T> | null = null;
  let nextTryMs = 0;

  function refresh(): Promise<T> {
    inFlight ??= obtain()
      .then((fresh) => {
        current = fresh;
        return fresh.value;
      })
      .catch((cause: unknown) => {
        throw new AppError('unavailable', 'The upstream is not available; try again.', {
          detail: words.missing,
          cause,
        });
      })
      .finally(() => {
        inFlight = null;
        // Ahead of the end not at every request: it may fail, or bring one that is as old.
        nextTryMs = clock.now() + RETRY_AFTER_MS;
      });
    return inFlight;
  }

  return async () => {
    const nowMs = clock.now();
    if (current === null || nowMs >= current.expiresAtMs - TOO_LATE_MS) return refresh();
    const isDue = nowMs >= current.expiresAtMs - refreshAheadMs && nowMs >= nextTryMs;
    if (isDue && inFlight === null) {
      refresh().catch((err: unknown) => log.warn(words.notRefreshed, { err: AppError.from(err) }));
    }
    return current.value;
  };
}
