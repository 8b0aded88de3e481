// Verification keys of a control plane that runs elsewhere (`/.well-known/jwks.json`, RFC 7517): a
// data plane of its own can verify and never mint. Read when first needed; an unknown `kid` reads
// them again, at most every ten seconds, so that a flood of forged tokens cannot flood the control
// plane. Once read they hold while the control plane is away.

import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../domain/clock.ts';
import { AppError } from '../errors/app-error.ts';
import type { Log } from '../telemetry/log.ts';
import type { FindKey } from './session-token.ts';
import { type VerificationKey, verificationKeysFromJwks } from './signing-keys.ts';

export interface RemoteKeysOptions {
  /** Answers the JWK set's JSON, or rejects. */
  readonly fetchJwks: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RemoteKeys extends Disposable {
  readonly find: FindKey;
}

const COOL_DOWN_MS = 10_000;
/** So that a key that was taken out of the set stops verifying. */
const RENEW_EVERY_MS = 300_000;

export function openRemoteKeys({ fetchJwks, clock, log }: RemoteKeysOptions): RemoteKeys {
  let known: ReadonlyMap<string, VerificationKey> | null = null;
  let reading: Promise<void> | null = null;
  let nextReadMs = 0;
  const closed = new AbortController();

  function read(): Promise<void> {
    nextReadMs = clock.now() + COOL_DOWN_MS;
    reading ??= fetchJwks()
      .then(keysOf)
      .then((keys) => {
        known = new Map(keys.map((key) => [key.kid, key]));
      })
      .catch((caught: unknown) => {
        log.warn('the session keys of the control plane cannot be read', {
          err: AppError.from(caught),
        });
      })
      .finally(() => {
        reading = null;
      });
    return reading;
  }

  async function renew(): Promise<void> {
    while (!closed.signal.aborted) {
      await pause(RENEW_EVERY_MS, undefined, { signal: closed.signal, ref: false }).catch(() => {});
      if (!closed.signal.aborted) await read();
    }
  }

  void renew();
  return {
    async find(kid) {
      const mayRead = known === null ? reading !== null || clock.now() >= nextReadMs : false;
      const isUnknown = known !== null && !known.has(kid) && clock.now() >= nextReadMs;
      if (mayRead || isUnknown) await read();
      if (known === null) {
        const message = 'Sessions cannot be checked right now; send the request again in a moment.';
        throw new AppError('unavailable', message, { retryAfterSeconds: 5 });
      }
      return known.get(kid) ?? null;
    },
    [Symbol.dispose]: () => closed.abort(),
  };
}

function keysOf(jwks: unknown): Promise<VerificationKey[]> {
  if (typeof jwks !== 'object' || jwks === null || !('keys' in jwks) || !Array.isArray(jwks.keys)) {
    throw new TypeError('not a JWK set');
  }
  return verificationKeysFromJwks({ keys: jwks.keys });
}
