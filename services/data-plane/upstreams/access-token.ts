// Access tokens that end: one in memory, refreshed in the background ahead of its expiry, one refresh in
// flight however many requests wait. A refresh that fails while the old token still holds is only
// logged; without a token the request fails over to the next upstream.

import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface AccessToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface TokenSource {
  /** @throws AppError `unavailable` when the issuer gives none. */
  token(): Promise<string>;
}

export interface TokenSourceOptions {
  /** Who gives them, for messages: `Google`. */
  readonly issuer: string;
  readonly fetchToken: () => Promise<AccessToken>;
  /** How long before its end a token is refreshed. Default: five minutes. */
  readonly refreshAheadMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

const REFRESH_AHEAD_MS = 300_000;
/** A token this close to its end may be over before the upstream has read it. */
const TOO_LATE_MS = 20_000;
const RETRY_AFTER_MS = 5_000;

export function createTokenSource({
  issuer,
  fetchToken,
  refreshAheadMs = REFRESH_AHEAD_MS,
  clock,
  log,
}: TokenSourceOptions): TokenSource {
  let current: AccessToken | null = null;
  let inFlight: Promise<string> | null = null;
  let nextTryMs = 0;

  function refresh(): Promise<string> {
    inFlight ??= fetchToken()
      .then((fresh) => {
        current = fresh;
        return fresh.token;
      })
      .catch((cause: unknown) => {
        throw new AppError('unavailable', 'The upstream is not available; try again.', {
          detail: `${issuer} gave no access token`,
          cause,
        });
      })
      .finally(() => {
        inFlight = null;
      });
    return inFlight;
  }

  /** Not at every request: it may fail, or bring a token that is as old as the one there is. */
  function refreshAhead(): void {
    refresh()
      .catch((err: unknown) => {
        const message = `an access token of ${issuer} could not be refreshed`;
        log.warn(message, { err: AppError.from(err) });
      })
      .finally(() => {
        nextTryMs = clock.now() + RETRY_AFTER_MS;
      });
  }

  return {
    async token() {
      const nowMs = clock.now();
      if (current === null || nowMs >= current.expiresAtMs - TOO_LATE_MS) return refresh();
      const isDue = nowMs >= current.expiresAtMs - refreshAheadMs && nowMs >= nextTryMs;
      if (isDue && inFlight === null) refreshAhead();
      return current.token;
    },
  };
}
