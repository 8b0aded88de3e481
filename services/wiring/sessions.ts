// Session keys → who mints, who verifies, who seals.

import { join } from 'node:path';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { createRefreshTokens, type RefreshTokens } from '#shared/identity/refresh-token.ts';
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

export interface Sessions {
  readonly minter: SessionMinter;
  readonly verifier: SessionVerifier;
  readonly sealer: Sealer;
  readonly refreshTokens: RefreshTokens;
  readonly jwks: SessionKeys['jwks'];
}

export async function openSessions(config: GatewayConfig, clock: Clock): Promise<Sessions> {
  const keys = await sessionKeys(config);
  const audience = SESSION_AUDIENCE;
  const issuer = config.listen.public_url ?? null;
  return {
    minter: createSessionMinter({ key: keys.signing, audience, clock }),
    verifier: createSessionVerifier({ keys: keys.verification, issuer, audience, clock }),
    sealer: createSealer(keys.rootSecrets),
    refreshTokens: createRefreshTokens(keys.rootSecrets),
    jwks: keys.jwks,
  };
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
