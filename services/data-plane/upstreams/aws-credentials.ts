// Keys of AWS: one set in memory, fetched again in the background ahead of its expiry, one fetch in
// flight however many requests wait. A fetch that fails while the old keys still hold is only logged;
// without keys the request fails over to the next upstream.

import type { AwsAuth } from '#shared/config/schema-upstreams-aws.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface FetchedKeys {
  readonly keys: AwsKeys;
  /** Null: they name no end. */
  readonly expiresAtMs: number | null;
}

export interface KeySource {
  /** @throws AppError `unavailable` when there are none. */
  keys(): Promise<AwsKeys>;
}

const REFRESH_AHEAD_MS = 300_000;
/** Keys this close to their end may be over before the upstream has checked the signature. */
const TOO_LATE_MS = 20_000;
/** Keys without an end may be of a file that somebody changes. */
const DEFAULT_LIFE_MS = 3_600_000;
const RETRY_AFTER_MS = 5_000;

export function createKeySource({
  fetchKeys,
  clock,
  log,
}: {
  readonly fetchKeys: () => Promise<FetchedKeys>;
  readonly clock: Clock;
  readonly log: Log;
}): KeySource {
  let current: { readonly keys: AwsKeys; readonly expiresAtMs: number } | null = null;
  let inFlight: Promise<AwsKeys> | null = null;
  let nextTryMs = 0;

  function refresh(): Promise<AwsKeys> {
    inFlight ??= fetchKeys()
      .then(({ keys, expiresAtMs }) => {
        current = { keys, expiresAtMs: expiresAtMs ?? clock.now() + DEFAULT_LIFE_MS };
        // A source that gives the same keys again is not asked for every request.
        nextTryMs = clock.now() + RETRY_AFTER_MS;
        return keys;
      })
      .catch((cause: unknown) => {
        nextTryMs = clock.now() + RETRY_AFTER_MS;
        throw new AppError('unavailable', 'The upstream is not available; try again.', {
          detail: 'there are no AWS credentials',
          cause,
        });
      })
      .finally(() => {
        inFlight = null;
      });
    return inFlight;
  }

  return {
    async keys() {
      const nowMs = clock.now();
      if (current === null || nowMs >= current.expiresAtMs - TOO_LATE_MS) return refresh();
      const isDue = nowMs >= current.expiresAtMs - REFRESH_AHEAD_MS && nowMs >= nextTryMs;
      if (isDue && inFlight === null) {
        refresh().catch((err: unknown) => {
          log.warn('AWS credentials could not be refreshed', { err: AppError.from(err) });
        });
      }
      return current.keys;
    },
  };
}

/** The keys of the configuration, or what the default chain of AWS's own libraries finds. */
export function keySourceFor(
  auth: Extract<AwsAuth, { kind: 'default' | 'keys' }>,
  { region, clock, log }: { readonly region: string; readonly clock: Clock; readonly log: Log },
): KeySource {
  if (auth.kind === 'default') {
    return createKeySource({ fetchKeys: defaultChain(region), clock, log });
  }
  const { accessKeyId, secretAccessKey, sessionToken } = auth;
  return {
    keys: async () => ({
      accessKeyId,
      secretAccessKey: secretAccessKey.reveal(),
      ...(sessionToken === null ? {} : { sessionToken: sessionToken.reveal() }),
    }),
  };
}

function defaultChain(region: string): () => Promise<FetchedKeys> {
  // Loaded when it is first needed: explicit keys need none of it.
  const chain = import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) =>
    defaultProvider({ clientConfig: { region } }),
  );
  // Whoever asks is told; until then nobody may be, and the process must not end for it.
  chain.catch(() => undefined);
  return async () => {
    const fetched = await (await chain)({ forceRefresh: true });
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = fetched;
    const session = sessionToken === undefined ? {} : { sessionToken };
    return {
      keys: { accessKeyId, secretAccessKey, ...session },
      expiresAtMs: expiration?.getTime() ?? null,
    };
  };
}
