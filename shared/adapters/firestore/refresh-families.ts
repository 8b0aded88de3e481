// Refresh token families: rotation is a compare-and-swap on the generation.

import { randomUUID } from 'node:crypto';
import type { DocumentData } from '@google-cloud/firestore';
import type { RefreshFamily } from '#shared/ports/grant-store.ts';
import { swapAt } from './compare-and-swap.ts';
import { spreadId } from './document-ids.ts';
import { expiry } from './expiry.ts';
import type { Documents } from './firestore-database.ts';
import { isTaken } from './firestore-errors.ts';
import { QUERIES, startQuery } from './queries.ts';

/** @throws AppError `conflict` when the id is taken. */
export async function createRefreshFamily(
  documents: Documents,
  family: RefreshFamily,
): Promise<void> {
  const ref = familyRef(documents, family.id);
  const writer = randomUUID();
  try {
    await ref.create({ ...familyFields(family), writer });
  } catch (caught) {
    // Its own, when the client sent the commit twice because the first answer was lost.
    if (!isTaken(caught) || (await ref.get()).get('writer') !== writer) throw caught;
  }
}

export async function readRefreshFamily(
  documents: Documents,
  id: string,
  nowMs: number,
): Promise<RefreshFamily | null> {
  const family = familyOf((await familyRef(documents, id).get()).data() ?? null);
  return family !== null && family.expiresAtMs > nowMs ? family : null;
}

export function leaseRefreshFamily(
  documents: Documents,
  lease: { id: string; generation: number; leasedUntilMs: number; nowMs: number },
): Promise<boolean> {
  const { id, generation, leasedUntilMs, nowMs } = lease;
  return swapAt(documents, familyRef(documents, id), (current) => {
    const family = familyOf(current);
    const isFree =
      family !== null &&
      family.generation === generation &&
      family.leasedUntilMs <= nowMs &&
      family.expiresAtMs > nowMs;
    return isFree
      ? { answer: true, write: familyFields({ ...family, leasedUntilMs }) }
      : { answer: false };
  });
}

export function rotateRefreshFamily(
  documents: Documents,
  from: number,
  next: RefreshFamily,
): Promise<boolean> {
  return swapAt(documents, familyRef(documents, next.id), (current) =>
    familyOf(current)?.generation === from
      ? { answer: true, write: familyFields({ ...next, leasedUntilMs: 0 }) }
      : { answer: false },
  );
}

export function releaseRefreshFamily(documents: Documents, id: string): Promise<void> {
  return swapAt(documents, familyRef(documents, id), (current) => {
    const family = familyOf(current);
    if (family === null || family.leasedUntilMs === 0) return { answer: undefined };
    return { answer: undefined, write: familyFields({ ...family, leasedUntilMs: 0 }) };
  });
}

/** Two at once may both name a family: rather revoked twice than not at all. */
export async function deleteRefreshFamilies(
  documents: Documents,
  which: { id: string } | { sub: string },
): Promise<string[]> {
  const found =
    'id' in which
      ? [await familyRef(documents, which.id).get()]
      : (await startQuery(documents, QUERIES.familiesOfPerson, which.sub).get()).docs;
  const there = found.filter((one) => one.exists);
  if (there.length === 0) return [];
  const batch = documents.client.batch();
  for (const { ref } of there) batch.delete(ref);
  await batch.commit();
  return there.map((one): string => one.get('row').id);
}

function familyRef(documents: Documents, id: string) {
  return documents.in('refresh_family').doc(spreadId(id));
}

function familyFields(family: RefreshFamily): DocumentData {
  const { id, sub, generation, rotatedAtMs, sealed, createdAtMs } = family;
  const { expiresAtMs, leasedUntilMs } = family;
  const row = { id, sub, generation, rotatedAtMs, sealed, createdAtMs, expiresAtMs, leasedUntilMs };
  return { sub, row, expireAt: expiry(expiresAtMs) };
}

function familyOf(current: DocumentData | null): RefreshFamily | null {
  return current?.['row'] ?? null;
}
