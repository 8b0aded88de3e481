// Read, decide, and write on the condition that nobody wrote meanwhile; else once more from the
// start. No lock is held, so no death leaves one behind. Each write names the call it is of: the
// client repeats a commit whose answer was lost, and finds its own work in the way.

import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentData, DocumentReference, DocumentSnapshot } from '@google-cloud/firestore';
import type { Documents } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';

const PAUSE_MS_MAX = 250;

export interface Decision<T> {
  readonly answer: T;
  /** All fields of the document; absent: it stays as it is. */
  readonly write?: DocumentData;
}

/** Given the document's fields, or null where there is none. Called again after a lost race. */
export type Decide<T> = (current: DocumentData | null) => Decision<T>;

/** `find` answers null where nothing can be written either. */
export async function swap<T>(
  documents: Documents,
  find: () => Promise<DocumentSnapshot | null>,
  decide: Decide<T>,
): Promise<T> {
  const writer = randomUUID();
  let tried: { readonly answer: T } | null = null;
  for (let attempt = 0; ; attempt += 1) {
    documents.signal.throwIfAborted();
    const found = await find();
    if (tried !== null && found?.get('writer') === writer) return tried.answer;
    const { answer, write } = decide(found?.data() ?? null);
    if (found === null || write === undefined) return answer;
    tried = { answer };
    try {
      const fields = { ...write, writer };
      if (found.updateTime === undefined) await found.ref.create(fields);
      else await found.ref.update(fields, { lastUpdateTime: found.updateTime });
      return answer;
    } catch (caught) {
      if (!isMoved(caught)) throw caught;
      await pause(attempt, documents.signal);
    }
  }
}

export function swapAt<T>(
  documents: Documents,
  ref: DocumentReference,
  decide: Decide<T>,
): Promise<T> {
  return swap(documents, () => ref.get(), decide);
}

/** Longer with each attempt, and different for each of those who lost the same race. */
export async function pause(attempt: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(PAUSE_MS_MAX, 4 * 2 ** attempt);
  await sleep(randomInt(longest) + 1, undefined, { signal });
}

/** Calls of one process on one document go one after the other: only processes race. */
export type InTurn = <T>(key: string, work: () => Promise<T>) => Promise<T>;

export function createTurns(): InTurn {
  const last = new Map<string, Promise<void>>();
  return async (key, work) => {
    const before = last.get(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    last.set(key, done);
    try {
      await before;
      return await work();
    } finally {
      resolve();
      if (last.get(key) === done) last.delete(key);
    }
  };
}
