// Neighbouring ids are neighbours on disk: ids that ascend would all be written to one spot. So
// every id begins with a hash. None is one that Firestore refuses: `.`, `..`, `__x__`, with a slash
// or of 1500 bytes and more.

import { createHash } from 'node:crypto';

const VERBATIM_BYTES_MAX = 400;
const PREFIX_DIGITS = 4;
const HASH_DIGITS = 40;

/** For ids that may be read in logs: `4f2a-<id>`; hashed where Firestore could not hold it. */
export function spreadId(id: string): string {
  const hash = sha256(id);
  const prefix = hash.slice(0, PREFIX_DIGITS);
  const isVerbatim = !id.includes('/') && Buffer.byteLength(id) <= VERBATIM_BYTES_MAX;
  return isVerbatim ? `${prefix}-${id}` : `${prefix}=${hash.slice(0, HASH_DIGITS)}`;
}

/** For names of people and whatever else may be of any shape: the document keeps the original. */
export function hashedId(...parts: readonly string[]): string {
  return sha256(parts.length === 1 ? (parts[0] ?? '') : JSON.stringify(parts)).slice(
    0,
    HASH_DIGITS,
  );
}

/** One of sixteen, evenly. */
export function shardOf(id: string): string {
  return sha256(id).charAt(0);
}

export const SHARDS: readonly string[] = [...'0123456789abcdef'];

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
