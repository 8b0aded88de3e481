// Small secrets that pass through hands that must not read them (a browser, a database): JWE, alg
// dir, enc A256GCM (RFC 7516). The key of a purpose is derived from the session's root secret
// (HKDF, RFC 5869), so that a text sealed for one purpose cannot be opened as another.

import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { RootSecret } from './signing-keys.ts';

export type SealPurpose = 'login-state' | 'device-approval' | 'refresh-family';

export interface Sealer {
  /** Encrypts a JSON value with the newest key. */
  seal(purpose: SealPurpose, value: unknown): Promise<string>;
  /** The value, or null when the text was not sealed by us for this purpose. Never throws. */
  open(purpose: SealPurpose, text: string): Promise<unknown>;
}

/** Seals with the first of `roots`, opens what any of them sealed. */
export function createSealer(roots: readonly RootSecret[]): Sealer {
  const [newest] = roots;
  if (newest === undefined) throw new Error('a sealer needs a root secret');
  return {
    async seal(purpose, value) {
      return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: newest.kid })
        .encrypt(deriveKey(newest, purpose));
    },
    async open(purpose, text) {
      try {
        const { kid } = decodeProtectedHeader(text);
        const root = roots.find((candidate) => candidate.kid === kid);
        if (root === undefined) return null;
        const { plaintext } = await compactDecrypt(text, deriveKey(root, purpose), {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return JSON.parse(new TextDecoder().decode(plaintext)) as unknown;
      } catch {
        // Tampered, cut or foreign: all the same to the caller.
        return null;
      }
    },
  };
}

/** 256 bits that serve one purpose only. */
export function deriveKey(root: RootSecret, purpose: SealPurpose | 'refresh-token'): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', root.secret, '', `tallygate/${purpose}`, 32));
}
