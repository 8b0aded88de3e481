import { Timestamp } from '@google-cloud/firestore';

/** The last instant that Firestore knows: the end of the year 9999. */
const LAST_MS = 253_402_300_799_000;

/** For `expireAt`: searched by the sweep, and read by the TTL policy. */
export function expiry(atMs: number): Timestamp {
  return Timestamp.fromMillis(Math.min(atMs, LAST_MS));
}
