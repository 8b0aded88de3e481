// Revocations, sign-in rate limits and values that are good for one use. Keys of the last two may
// hold addresses and secrets: they are stored as hashes only.

import type { Revocation } from '#shared/domain/quota.ts';
import { swapAt } from './compare-and-swap.ts';
import { hashedId } from './document-ids.ts';
import { expiry } from './expiry.ts';
import type { Documents } from './firestore-database.ts';
import { QUERIES, startQuery } from './queries.ts';

/** Of two revocations of the same target the wider one holds, in every order. */
export function addRevocation(documents: Documents, wish: Revocation): Promise<void> {
  const target = wish.type === 'session' ? wish.sessionId : wish.sub;
  const ref = documents.in('revocation').doc(hashedId(wish.type, target));
  return swapAt(documents, ref, (current) => {
    const row = widest(wish, current?.['row'] as Revocation | undefined);
    return { answer: undefined, write: { row, expireAt: expiry(row.untilMs) } };
  });
}

function widest(wish: Revocation, known: Revocation | undefined): Revocation {
  const untilMs = Math.max(wish.untilMs, known?.untilMs ?? 0);
  if (wish.type === 'session') return { ...wish, untilMs };
  const knownBeforeMs = known?.type === 'subject' ? known.issuedBeforeMs : 0;
  return { ...wish, untilMs, issuedBeforeMs: Math.max(wish.issuedBeforeMs, knownBeforeMs) };
}

export async function readRevocations(documents: Documents, nowMs: number): Promise<Revocation[]> {
  const query = startQuery(documents, QUERIES.revocationsByEnd).startAfter(expiry(nowMs));
  return (await query.get()).docs.map((one): Revocation => one.get('row'));
}

export function countHit(
  documents: Documents,
  key: string,
  windowSeconds: number,
  nowMs: number,
): Promise<number> {
  return swapAt(documents, documents.in('hit_window').doc(hashedId(key)), (current) => {
    const known: { hits: number; expiresAtMs: number } | undefined = current?.['row'];
    const isOpen = known !== undefined && known.expiresAtMs > nowMs;
    const row = isOpen
      ? { hits: known.hits + 1, expiresAtMs: known.expiresAtMs }
      : { hits: 1, expiresAtMs: nowMs + windowSeconds * 1000 };
    return { answer: row.hits, write: { row, expireAt: expiry(row.expiresAtMs) } };
  });
}

export function useOnce(
  documents: Documents,
  key: string,
  expiresAtMs: number,
  nowMs: number,
): Promise<boolean> {
  return swapAt(documents, documents.in('used_once').doc(hashedId(key)), (current) => {
    if (current !== null && current['row'].expiresAtMs > nowMs) return { answer: false };
    return { answer: true, write: { row: { expiresAtMs }, expireAt: expiry(expiresAtMs) } };
  });
}
