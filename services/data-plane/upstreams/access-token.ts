// Access tokens of an issuer, as expiring.ts keeps them.

import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createExpiring } from './expiring.ts';

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

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { issuer, fetchToken, refreshAheadMs, clock, log } = options;
  const token = createExpiring({
    async obtain() {
      const { token: value, expiresAtMs } = await fetchToken();
      return { value, expiresAtMs };
    },
    words: {
      missing: `${issuer} gave no access token`,
      notRefreshed: `an access token of ${issuer} could not be refreshed`,
    },
    ...{ refreshAheadMs, clock, log },
  });
  return { token };
}
