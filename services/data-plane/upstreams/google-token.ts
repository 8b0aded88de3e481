// Access tokens of Google Cloud: one in memory, refreshed in the background ahead of its expiry, one
// refresh in flight however many requests wait. A refresh that fails while the old token still holds
// is only logged; without a token the request fails over to the next upstream.

import { GoogleAuth } from 'google-auth-library';
import type { VertexAuth } from '#shared/config/schema-upstreams.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface AccessToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface TokenSource {
  /** @throws AppError `unavailable` when Google gives none. */
  token(): Promise<string>;
}

const REFRESH_AHEAD_MS = 300_000;
/** A token this close to its end may be over before the upstream has read it. */
const TOO_LATE_MS = 20_000;
const DEFAULT_LIFE_MS = 3_600_000;
const RETRY_AFTER_MS = 5_000;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

export function createTokenSource({
  fetchToken,
  clock,
  log,
}: {
  readonly fetchToken: () => Promise<AccessToken>;
  readonly clock: Clock;
  readonly log: Log;
}): TokenSource {
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
        nextTryMs = clock.now() + RETRY_AFTER_MS;
        throw new AppError('unavailable', 'The upstream is not available; try again.', {
          detail: 'Google gave no access token',
          cause,
        });
      })
      .finally(() => {
        inFlight = null;
      });
    return inFlight;
  }

  return {
    async token() {
      const nowMs = clock.now();
      if (current === null || nowMs >= current.expiresAtMs - TOO_LATE_MS) return refresh();
      const isDue = nowMs >= current.expiresAtMs - REFRESH_AHEAD_MS && nowMs >= nextTryMs;
      if (isDue && inFlight === null) {
        refresh().catch((err: unknown) => {
          log.warn('a Google access token could not be refreshed', { err: AppError.from(err) });
        });
      }
      return current.token;
    },
  };
}

/** Application Default Credentials, or a service account's key. */
export function googleTokenFetcher(auth: VertexAuth, clock: Clock): () => Promise<AccessToken> {
  const google = new GoogleAuth({ scopes: [SCOPE], ...credentialsOf(auth) });
  return async () => {
    const client = await google.getClient();
    const { token } = await client.getAccessToken();
    if (typeof token !== 'string')
      throw new AppError('unavailable', 'Google gave no access token.');
    const expiresAtMs = client.credentials.expiry_date ?? clock.now() + DEFAULT_LIFE_MS;
    return { token, expiresAtMs };
  };
}

function credentialsOf(auth: VertexAuth) {
  switch (auth.kind) {
    case 'default':
      return {};
    case 'key_file':
      return { keyFile: auth.path };
    case 'key':
      return { credentials: JSON.parse(auth.json.reveal()) as Record<string, string> };
  }
}
