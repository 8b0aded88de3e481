import { z } from 'zod';
import { oneOrMore, positiveNumber, secretText, section } from './field.ts';
import { isSessionSigningKey } from './pem.ts';

const DISTINCT_CHARS_MIN = 6;
const JWT_SECRET = `a secret of 32 characters or more, ${DISTINCT_CHARS_MIN} of them different`;
const SIGNING_KEY = 'an Ed25519 (EdDSA) or P-256 (ES256) private key as PEM or JWK';

const signingKey = z.preprocess(
  (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value),
  secretText(SIGNING_KEY, 1, isSessionSigningKey),
);

/** The sessions that the gateway issues after sign-in. */
export const sessionSchema = section({
  /**
   * HS256 secrets: the first signs, all verify. Every data plane that has one can also mint. Empty
   * when absent: then sessions are signed with `signing_key`.
   */
  jwt_secret: oneOrMore(
    secretText(JWT_SECRET, 32, (value) => new Set(value).size >= DISTINCT_CHARS_MIN),
    `${JWT_SECRET}, or a list of them`,
  ).default([]),
  /**
   * Private keys, each a PEM or a JWK text: the first signs, all verify. Only the control plane
   * needs them. Empty when absent: then, without a jwt_secret, a key is generated under data_dir.
   */
  signing_key: oneOrMore(signingKey, `${SIGNING_KEY}, or a list of them`).default([]),
  /** Hours that a session lasts before it is refreshed; fractions allowed. Default 1. */
  ttl_hours: positiveNumber('hours', 8760).default(1),
});

export type SessionConfig = z.output<typeof sessionSchema>;
