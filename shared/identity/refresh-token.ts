// The refresh token that a client holds: `tgr.<family>.<generation>.<HMAC-SHA-256>`. It names a
// row of the grant store and says nothing; the IdP's own token stays sealed in that row. Whoever
// reads the database cannot make one, for the HMAC's key is not in it.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from './sealed.ts';
import type { RootSecret } from './signing-keys.ts';

export interface RefreshTokenName {
  readonly familyId: string;
  readonly generation: number;
}

export interface RefreshTokens {
  /** The same name always renders the same token, so that a repeated answer repeats it. */
  render(name: RefreshTokenName): string;
  /** Null for what is not a token of ours. */
  parse(token: string): RefreshTokenName | null;
}

const SHAPE = /^tgr\.([0-9a-f-]{36})\.(0|[1-9]\d{0,8})\.([A-Za-z0-9_-]{43})$/;

/** Signs with the first of `roots`, knows the tokens of all. */
export function createRefreshTokens(roots: readonly RootSecret[]): RefreshTokens {
  const keys = roots.map((root) => deriveKey(root, 'refresh-token'));
  const [newest] = keys;
  if (newest === undefined) throw new Error('refresh tokens need a root secret');
  return {
    render({ familyId, generation }) {
      const body = `tgr.${familyId}.${generation}`;
      return `${body}.${tag(newest, body)}`;
    },
    parse(token) {
      const [, familyId, generation, given] = SHAPE.exec(token) ?? [];
      if (familyId === undefined || generation === undefined || given === undefined) return null;
      const body = `tgr.${familyId}.${generation}`;
      const known = keys.some((key) => sameText(tag(key, body), given));
      return known ? { familyId, generation: Number(generation) } : null;
    },
  };
}

function tag(key: Uint8Array, body: string): string {
  return createHmac('sha256', key).update(body).digest('base64url');
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
