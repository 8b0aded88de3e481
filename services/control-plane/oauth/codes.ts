// The two codes of RFC 8628: the device's (32 random bytes, kept as a hash) and the person's
// (eight letters of twenty that cannot be misread or spell a word, §6.1).

import { createHash, randomBytes, randomInt } from 'node:crypto';

const LETTERS = 'BCDFGHJKMNPQRSTVWXYZ';
const USER_CODE = /^[BCDFGHJKMNPQRSTVWXYZ]{8}$/;

/** A fresh secret of 256 bits, 43 characters. */
export function drawSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Normalised: eight letters, no dash. */
export function drawUserCode(): string {
  return Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}

/** What a person typed → a normalised code, or null. Case, dashes and spaces do not matter. */
export function parseUserCode(text: string | null): string | null {
  const code = (text ?? '').replaceAll(/[\s-]/g, '').toUpperCase();
  return USER_CODE.test(code) ? code : null;
}

/** `XXXX-XXXX`. */
export function renderUserCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** SHA-256 in hex: how secrets are kept. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
