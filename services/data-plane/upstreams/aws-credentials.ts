// Keys of AWS, as expiring.ts keeps them.

import type { AwsAuth } from '#shared/config/schema-upstreams-aws.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createExpiring } from './expiring.ts';

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

/** Keys without an end may be of a file that somebody changes. */
const DEFAULT_LIFE_MS = 3_600_000;

export function createKeySource({
  fetchKeys,
  clock,
  log,
}: {
  readonly fetchKeys: () => Promise<FetchedKeys>;
  readonly clock: Clock;
  readonly log: Log;
}): KeySource {
  const keys = createExpiring({
    async obtain() {
      const { keys: value, expiresAtMs } = await fetchKeys();
      return { value, expiresAtMs: expiresAtMs ?? clock.now() + DEFAULT_LIFE_MS };
    },
    words: {
      missing: 'there are no AWS credentials',
      notRefreshed: 'AWS credentials could not be refreshed',
    },
    ...{ clock, log },
  });
  return { keys };
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
