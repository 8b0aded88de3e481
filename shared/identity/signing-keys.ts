// The keys of our sessions. HS256: whoever verifies can also mint. EdDSA or ES256: the private
// key stays with the control plane, everybody else gets the public half (RFC 7517). The first key
// signs, all verify, so a rotation is: put the new one first, drop the old one after a session's
// lifetime.

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, importJWK, type JWK } from 'jose';

export type SessionAlgorithm = 'HS256' | 'EdDSA' | 'ES256';

/** Checks signatures; for EdDSA and ES256 the public half alone. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: SessionAlgorithm;
  readonly key: CryptoKey | Uint8Array;
}

/** Signs sessions. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: SessionAlgorithm;
  readonly key: CryptoKey | Uint8Array;
}

/** Key material that the control plane derives its own keys from (sealed state, refresh tokens). */
export interface RootSecret {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** Everything that comes of one configuration of session keys. Never leaves the control plane. */
export interface SessionKeys {
  readonly signing: SigningKey;
  readonly verification: readonly VerificationKey[];
  /** In the order of the configuration: the first seals, all open. */
  readonly rootSecrets: readonly RootSecret[];
  /** For `/.well-known/jwks.json`; null with HS256, which has nothing to publish. */
  readonly jwks: { readonly keys: readonly JWK[] } | null;
}

/** HS256 keys as the reference has them: kid is the first 16 hex of the secret text's SHA-256. */
export function sessionKeysFromSecrets(secrets: readonly string[]): SessionKeys {
  const keys = secrets.map((text) => ({
    kid: createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16),
    alg: 'HS256' as const,
    key: new TextEncoder().encode(text),
  }));
  const [signing] = keys;
  if (signing === undefined) throw new Error('session.jwt_secret needs at least one secret');
  return {
    signing,
    verification: keys,
    rootSecrets: keys.map(({ kid, key }) => ({ kid, secret: key })),
    jwks: null,
  };
}

/**
 * Ed25519 (EdDSA) or P-256 (ES256) private keys, each a JWK or a PEM text. kid is the JWK's own or
 * its RFC 7638 thumbprint.
 */
export async function sessionKeysFromPrivateKeys(texts: readonly string[]): Promise<SessionKeys> {
  const pairs = await Promise.all(texts.map(readPrivateKey));
  const [first] = pairs;
  if (first === undefined) throw new Error('session.signing_key needs at least one private key');
  const jwks = { keys: pairs.map((pair) => pair.publicJwk) };
  return {
    signing: first.signing,
    verification: await verificationKeysFromJwks(jwks),
    rootSecrets: pairs.map((pair) => ({ kid: pair.signing.kid, secret: pair.secret })),
    jwks,
  };
}

/** What a data plane needs to verify: the public keys as `/.well-known/jwks.json` has them. */
export async function verificationKeysFromJwks(jwks: {
  readonly keys: readonly JWK[];
}): Promise<VerificationKey[]> {
  const usable = jwks.keys.flatMap((jwk) => {
    const alg = algorithmOf(jwk);
    return alg === null || jwk.kid === undefined ? [] : [{ jwk, alg, kid: jwk.kid }];
  });
  return Promise.all(
    usable.map(async ({ jwk, alg, kid }) => ({ kid, alg, key: await importJWK(jwk, alg) })),
  );
}

async function readPrivateKey(text: string) {
  const key = parsePrivateKey(text);
  const privateJwk: JWK = { ...(key.export({ format: 'jwk' }) as JWK) };
  const alg = algorithmOf(privateJwk);
  if (alg === null || privateJwk.d === undefined) {
    throw new Error('session.signing_key must be an Ed25519 or P-256 private key');
  }
  const kid = ownKid(text) ?? (await calculateJwkThumbprint(privateJwk));
  const publicJwk = createPublicKey(key).export({ format: 'jwk' }) as JWK;
  return {
    signing: { kid, alg, key: (await importJWK(privateJwk, alg)) as CryptoKey },
    publicJwk: { ...publicJwk, kid, alg, use: 'sig' },
    secret: new Uint8Array(Buffer.from(privateJwk.d, 'base64url')),
  };
}

function parsePrivateKey(text: string): KeyObject {
  if (!text.trimStart().startsWith('{')) return createPrivateKey(text);
  return createPrivateKey({ key: JSON.parse(text), format: 'jwk' });
}

function ownKid(text: string): string | null {
  if (!text.trimStart().startsWith('{')) return null;
  const { kid } = JSON.parse(text) as JWK;
  return typeof kid === 'string' && kid !== '' ? kid : null;
}

function algorithmOf(jwk: JWK): 'EdDSA' | 'ES256' | null {
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA';
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return 'ES256';
  return null;
}
