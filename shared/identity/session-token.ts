// Our access token: a JWT (RFC 7519) that every data plane verifies by itself, without I/O. Cost
// of a verification: one map look-up when the token was seen before, else one signature check.

import { CompactSign, compactVerify, decodeProtectedHeader } from 'jose';
import type { Clock } from '../domain/clock.ts';
import type { Principal } from '../domain/principal.ts';
import type { SigningKey, VerificationKey } from './signing-keys.ts';

export const SESSION_AUDIENCE = 'claude-gateway';

const CACHED_TOKENS_MAX = 10_000;

/** Who a session is for. */
export interface SessionClaims {
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
  readonly sessionId: string;
  readonly billingGroupTag: string | null;
}

export interface SessionMinter {
  /** Signs an access token; `issuer` is our public origin. */
  mint(claims: SessionClaims, issuer: string, ttlSeconds: number): Promise<string>;
}

export interface SessionVerifier {
  /**
   * Who is calling, or null for anything that is not a live session of ours. `origin` is what was
   * asked: without a public URL only a token that was issued under that name is ours.
   * @throws AppError `unavailable` while nobody can say: the keys were never read.
   */
  verify(token: string, origin: string): Promise<Principal | null>;
}

interface MinterOptions {
  readonly key: SigningKey;
  readonly audience: string;
  readonly clock: Clock;
}

/** The key of a `kid`; null: there is none. @throws AppError `unavailable` */
export type FindKey = (kid: string) => VerificationKey | null | Promise<VerificationKey | null>;

interface VerifierOptions {
  readonly keys: readonly VerificationKey[] | FindKey;
  /** Our public origin; null without one: then the origin of each request. */
  readonly issuer: string | null;
  readonly audience: string;
  readonly clock: Clock;
}

export function createSessionMinter({ key, audience, clock }: MinterOptions): SessionMinter {
  return {
    async mint(claims, issuer, ttlSeconds) {
      const iat = Math.floor(clock.now() / 1000);
      const payload = {
        sub: claims.sub,
        ...(claims.email === null ? {} : { email: claims.email }),
        ...(claims.name === null ? {} : { name: claims.name }),
        ...(claims.groups.length === 0 ? {} : { groups: claims.groups }),
        ...(claims.billingGroupTag === null ? {} : { billing_group_tag: claims.billingGroupTag }),
        sid: claims.sessionId,
        aud: audience,
        iat,
        exp: iat + ttlSeconds,
        iss: issuer,
      };
      return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
        .setProtectedHeader({ alg: key.alg, typ: 'JWT', kid: key.kid })
        .sign(key.key);
    },
  };
}

/**
 * Verifies with public keys alone where the sessions are asymmetric. `kid` must name a key and
 * that key must verify; the algorithm is the key's, never the token's choice. No leeway on `exp`.
 */
export function createSessionVerifier(options: VerifierOptions): SessionVerifier {
  const { issuer, audience, clock } = options;
  const findKey = typeof options.keys === 'function' ? options.keys : amongKeys(options.keys);
  // Least recently used first: a hit is put back at the end.
  const seen = new Map<string, Seen>();
  const isOurs = (iss: string, origin: string): boolean => iss === (issuer ?? origin);
  return {
    async verify(token, origin) {
      const cached = seen.get(token);
      if (cached !== undefined) {
        seen.delete(token);
        if (cached.principal.expiresAtMs <= clock.now()) return null;
        seen.set(token, cached);
        return isOurs(cached.iss, origin) ? cached.principal : null;
      }
      const claims = await verifiedClaims(token, findKey);
      if (claims === null || !isForUs(claims, audience, clock.now())) return null;
      const principal = readPrincipal(claims);
      const { iss } = claims;
      if (principal === null || typeof iss !== 'string' || !isOurs(iss, origin)) return null;
      if (seen.size >= CACHED_TOKENS_MAX) seen.delete(seen.keys().next().value ?? '');
      seen.set(token, { principal, iss });
      return principal;
    },
  };
}

/** A token that verified; whether its issuer is ours is asked again each time. */
interface Seen {
  readonly principal: Principal;
  readonly iss: string;
}

type Claims = Readonly<Record<string, unknown>>;

function amongKeys(keys: readonly VerificationKey[]): FindKey {
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  return (kid) => byKid.get(kid) ?? null;
}

async function verifiedClaims(token: string, findKey: FindKey): Promise<Claims | null> {
  const kid = kidOf(token);
  const key = kid === null ? null : await findKey(kid);
  if (key === null) return null;
  try {
    const { payload } = await compactVerify(token, key.key, { algorithms: [key.alg] });
    const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims)
      ? (claims as Claims)
      : null;
  } catch {
    // Whatever is wrong with it, it is not a session; the caller has nothing to tell apart.
    return null;
  }
}

function kidOf(token: string): string | null {
  try {
    return decodeProtectedHeader(token).kid ?? null;
  } catch {
    return null;
  }
}

function isForUs({ aud, exp, nbf }: Claims, audience: string, nowMs: number): boolean {
  if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return false;
  if (exp !== undefined && !(typeof exp === 'number' && exp * 1000 > nowMs)) return false;
  return nbf === undefined || (typeof nbf === 'number' && nbf * 1000 <= nowMs);
}

/** Null without a `sub`: there would be nobody to bill. */
function readPrincipal(claims: Claims): Principal | null {
  const { sub, email, name, groups, sid, iat, exp } = claims;
  if (typeof sub !== 'string' || sub === '') return null;
  return {
    sub,
    email: typeof email === 'string' ? email : null,
    name: typeof name === 'string' ? name : null,
    groups: (Array.isArray(groups) ? groups : [groups]).filter((group) => isText(group)),
    sessionId: isText(sid) ? sid : null,
    issuedAtMs: typeof iat === 'number' ? iat * 1000 : 0,
    expiresAtMs: typeof exp === 'number' ? exp * 1000 : Number.MAX_SAFE_INTEGER,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
