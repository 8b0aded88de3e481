// Session keys → who mints, who verifies, who seals. A data plane of its own gets no private key: it
// verifies with a shared secret, or with the public keys of its control plane.

import { join } from 'node:path';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { createRefreshTokens, type RefreshTokens } from '#shared/identity/refresh-token.ts';
import { openRemoteKeys } from '#shared/identity/remote-keys.ts';
import { createSealer, type Sealer } from '#shared/identity/sealed.ts';
import {
  createSessionMinter,
  createSessionVerifier,
  SESSION_AUDIENCE,
  type SessionMinter,
  type SessionVerifier,
} from '#shared/identity/session-token.ts';
import { loadOrCreateSigningKey } from '#shared/identity/signing-key-file.ts';
import {
  type SessionKeys,
  sessionKeysFromPrivateKeys,
  sessionKeysFromSecrets,
} from '#shared/identity/signing-keys.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface Sessions {
  readonly minter: SessionMinter;
  readonly verifier: SessionVerifier;
  readonly sealer: Sealer;
  readonly refreshTokens: RefreshTokens;
  readonly jwks: SessionKeys['jwks'];
}

const JWKS_TIMEOUT_MS = 5_000;

export async function openSessions(config: GatewayConfig, clock: Clock): Promise<Sessions> {
  const keys = await sessionKeys(config);
  const audience = SESSION_AUDIENCE;
  return {
    minter: createSessionMinter({ key: keys.signing, audience, clock }),
    verifier: verifierOf(config, keys.verification, clock),
    sealer: createSealer(keys.rootSecrets),
    refreshTokens: createRefreshTokens(keys.rootSecrets),
    jwks: keys.jwks,
  };
}

/** For a data plane of its own; the keys live as long as `opened`. */
export function openVerifier(
  config: GatewayConfig,
  clock: Clock,
  { log, opened }: { readonly log: Log; readonly opened: DisposableStack },
): SessionVerifier {
  const { session, control_plane: controlPlane } = config;
  if (session.jwt_secret.length > 0) {
    const secrets = session.jwt_secret.map((one) => one.reveal());
    return verifierOf(config, sessionKeysFromSecrets(secrets).verification, clock);
  }
  const url = `${controlPlane.url}/.well-known/jwks.json`;
  const keys = opened.use(openRemoteKeys({ fetchJwks: () => fetchJson(url), clock, log }));
  return verifierOf(config, keys.find, clock);
}

function verifierOf(
  { listen }: GatewayConfig,
  keys: Parameters<typeof createSessionVerifier>[0]['keys'],
  clock: Clock,
): SessionVerifier {
  const issuer = listen.public_url ?? null;
  return createSessionVerifier({ keys, issuer, audience: SESSION_AUDIENCE, clock });
}

async function sessionKeys({ session, data_dir }: GatewayConfig): Promise<SessionKeys> {
  const reveal = (secrets: typeof session.jwt_secret) => secrets.map((one) => one.reveal());
  if (session.jwt_secret.length > 0) return sessionKeysFromSecrets(reveal(session.jwt_secret));
  if (session.signing_key.length > 0)
    return sessionKeysFromPrivateKeys(reveal(session.signing_key));
  return sessionKeysFromPrivateKeys([
    await loadOrCreateSigningKey(join(data_dir, 'signing-key.jwk')),
  ]);
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(JWKS_TIMEOUT_MS) });
  if (response.ok) return response.json();
  await response.body?.cancel();
  throw new AppError('unavailable', `the control plane answered ${response.status}`);
}
