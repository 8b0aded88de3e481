// Exactly once without a transaction: one commit creates the corrections, names them in their events
// on the condition that these are as they were read, and adds to the events' counters. An event that
// is erased or pruned meanwhile fails the commit, and it is read again.

import { randomBytes, randomInt } from 'node:crypto';
import type { DocumentSnapshot } from '@google-cloud/firestore';
import { AppError } from '#shared/errors/app-error.ts';
import type { CostCorrection, RecordResult } from '#shared/ports/ledger.ts';
import { uniqueCorrections } from '../ledger/checked.ts';
import { storedEvent } from '../ledger/stored-event.ts';
import { pause } from './compare-and-swap.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import { addCounts, SHARED_PARTS } from './ledger-counters.ts';
import { correctionIds, correctionRef, eventRef } from './ledger-events.ts';

const ATTEMPTS_MAX = 30;
const READ_TOGETHER = 300;

type CorrectResult = RecordResult & { readonly unknown: readonly string[] };

export async function correct(
  database: FirestoreDatabase,
  corrections: readonly CostCorrection[],
): Promise<CorrectResult> {
  const unique = [...uniqueCorrections(corrections).values()];
  const writer = randomBytes(8).toString('hex');
  for (let attempt = 0; unique.length > 0; attempt += 1) {
    if (attempt === ATTEMPTS_MAX) throw contended();
    const result = await database.run(async (documents) => {
      if (attempt > 0) await pause(attempt, documents.signal);
      return tryToCorrect(documents, unique, writer);
    });
    if (result !== null) return result;
  }
  return { recorded: [], duplicates: [], unknown: [] };
}

/** Null: somebody else wrote meanwhile. */
async function tryToCorrect(
  documents: Documents,
  corrections: readonly CostCorrection[],
  writer: string,
): Promise<CorrectResult | null> {
  const { events, writers } = await readState(documents, corrections);
  const isUnknown = ({ eventId }: CostCorrection) => events.get(eventId)?.exists !== true;
  const known = corrections.filter((one) => !isUnknown(one));
  // Its own are there already when the client sent the commit twice, because the answer was lost.
  const isOurs = ({ id }: CostCorrection) => (writers.get(id) ?? writer) === writer;
  const result = {
    recorded: known.filter(isOurs).map(({ id }) => id),
    duplicates: known.filter((one) => !isOurs(one)).map(({ id }) => id),
    unknown: corrections.filter(isUnknown).map(({ id }) => id),
  };
  const fresh = known.filter(({ id }) => !writers.has(id));
  if (fresh.length === 0) return result;
  try {
    await post(
      documents,
      Map.groupBy(fresh, ({ eventId }) => eventId),
      events,
      writer,
    );
    return result;
  } catch (caught) {
    if (isMoved(caught)) return null;
    throw caught;
  }
}

/** The events by id, and who wrote the corrections that exist. */
async function readState(documents: Documents, corrections: readonly CostCorrection[]) {
  const eventIds = [...new Set(corrections.map(({ eventId }) => eventId))];
  const found = await documents.client.getAll(
    ...eventIds.map((id) => eventRef(documents, id)),
    ...corrections.map(({ id }) => correctionRef(documents, id)),
  );
  const events = new Map(eventIds.map((id, nth) => [id, found[nth]] as const));
  const writers = new Map<string, string>();
  for (const [nth, { id }] of corrections.entries()) {
    const one = found[eventIds.length + nth];
    if (one?.exists === true) writers.set(id, String(one.get('writer')));
  }
  return { events, writers };
}

async function post(
  documents: Documents,
  byEvent: ReadonlyMap<string, readonly CostCorrection[]>,
  events: ReadonlyMap<string, DocumentSnapshot | undefined>,
  writer: string,
): Promise<void> {
  const batch = documents.client.batch();
  for (const [eventId, some] of byEvent) {
    const event = events.get(eventId);
    if (event?.updateTime === undefined) continue;
    const ids = [...correctionIds(event), ...some.map(({ id }) => id)];
    batch.update(event.ref, { corrections: ids }, { lastUpdateTime: event.updateTime });
    const expireAt: unknown = event.get('expireAt');
    for (const row of some) {
      const fields = { row: { ...row }, writer, ...(expireAt === undefined ? {} : { expireAt }) };
      batch.create(correctionRef(documents, row.id), fields);
    }
  }
  const counts = [...byEvent.values()].flat().map(({ eventId, amountMicroUsd }) => ({
    event: storedEvent(events.get(eventId)?.get('event')),
    costMicroUsd: amountMicroUsd,
    isCorrection: true,
  }));
  addCounts(batch, documents, counts, randomInt(SHARED_PARTS));
  await batch.commit();
}

export async function readCorrections(
  database: FirestoreDatabase,
  eventIds: readonly string[],
): Promise<CostCorrection[]> {
  const events = await getAll(database, [...new Set(eventIds)], eventRef, 'corrections');
  const ids = events.flatMap(correctionIds);
  const found = await getAll(database, ids, correctionRef, 'row');
  return found.map((one): CostCorrection => one.get('row'));
}

async function getAll(
  database: FirestoreDatabase,
  ids: readonly string[],
  refOf: typeof eventRef,
  field: string,
): Promise<DocumentSnapshot[]> {
  const found: DocumentSnapshot[] = [];
  for (let at = 0; at < ids.length; at += READ_TOGETHER) {
    const some = await database.run((documents) => {
      const refs = ids.slice(at, at + READ_TOGETHER).map((id) => refOf(documents, id));
      return documents.client.getAll(...refs, { fieldMask: [field] });
    });
    found.push(...some.filter((one) => one.exists));
  }
  return found;
}

function contended(): AppError {
  const detail = `corrections met others of the same events ${ATTEMPTS_MAX} times`;
  return new AppError('unavailable', 'the ledger is busy; try again in a moment', { detail });
}
