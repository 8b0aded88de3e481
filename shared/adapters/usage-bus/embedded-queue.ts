// The queue's rows. A message stays in its table until it is acknowledged, so a killed process loses
// nothing: what it had in work is simply still due. One id waits once per topic.

import { chunked } from '#shared/adapters/sql/chunks.ts';
import { insertRows } from '#shared/adapters/sql/insert-rows.ts';
import type { BusDeadLetterTable, BusMessageTable } from '#shared/adapters/sql/schema.ts';
import type { Queries } from '#shared/adapters/sql/sql-database.ts';
import type { DeadLetter, Delivery, Message, Topic } from '#shared/ports/usage-bus.ts';

export interface Published {
  readonly topic: Topic;
  readonly message: Message;
}

/** What a batch came to; every id is in one list. */
export interface Settlement {
  readonly acknowledged: readonly Delivery[];
  readonly again: readonly { readonly delivery: Delivery; readonly dueAtMs: number }[];
  readonly dead: readonly { readonly delivery: Delivery; readonly reason: string }[];
}

export async function insertMessages(
  db: Queries,
  published: readonly Published[],
  nowMs: number,
): Promise<void> {
  const rows = published.map(({ topic, message }) => ({
    topic,
    id: message.id,
    data: message.data,
    attributes: JSON.stringify(message.attributes),
    attempts: 0,
    due_at_ms: nowMs,
  }));
  await insertRows(db, insertUnlessThere, rows);
}

function insertUnlessThere(db: Queries, rows: readonly BusMessageTable[]) {
  return db
    .insertInto('bus_message')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing());
}

/** Messages whose time has come, longest due first. */
export async function dueMessages(
  db: Queries,
  topic: Topic,
  nowMs: number,
  limit: number,
): Promise<Delivery[]> {
  const rows = await db
    .selectFrom('bus_message')
    .select(['id', 'data', 'attributes', 'attempts'])
    .where('topic', '=', topic)
    .where('due_at_ms', '<=', nowMs)
    .orderBy('due_at_ms')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    data: row.data,
    attributes: JSON.parse(row.attributes),
    attempt: row.attempts + 1,
  }));
}

export async function settleBatch(
  db: Queries,
  topic: Topic,
  settlement: Settlement,
  nowMs: number,
): Promise<void> {
  const { acknowledged, again, dead } = settlement;
  const gone = [...acknowledged, ...dead.map(({ delivery }) => delivery)];
  for (const some of chunked(gone)) {
    await db
      .deleteFrom('bus_message')
      .where('topic', '=', topic)
      .where(
        'id',
        'in',
        some.map((delivery) => delivery.id),
      )
      .execute();
  }
  for (const { delivery, dueAtMs } of again) {
    await db
      .updateTable('bus_message')
      .set({ attempts: delivery.attempt, due_at_ms: dueAtMs })
      .where('topic', '=', topic)
      .where('id', '=', delivery.id)
      .execute();
  }
  for (const { delivery, reason } of dead) {
    await bury(db, {
      topic,
      id: delivery.id,
      data: delivery.data,
      attributes: JSON.stringify(delivery.attributes),
      attempts: delivery.attempt,
      reason,
      dead_at_ms: nowMs,
    });
  }
}

/** A message that was published again and died again has one letter: the last. */
async function bury(db: Queries, letter: BusDeadLetterTable): Promise<void> {
  const { topic: _topic, id: _id, ...latest } = letter;
  await db
    .insertInto('bus_dead_letter')
    .values(letter)
    .onConflict((conflict) => conflict.columns(['topic', 'id']).doUpdateSet(latest))
    .execute();
}

export async function readDeadLetters(
  db: Queries,
  topic: Topic,
  limit: number,
): Promise<DeadLetter[]> {
  const rows = await db
    .selectFrom('bus_dead_letter')
    .selectAll()
    .where('topic', '=', topic)
    .orderBy('dead_at_ms')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    topic,
    id: row.id,
    data: row.data,
    attributes: JSON.parse(row.attributes),
    attempts: row.attempts,
    reason: row.reason,
    deadAtMs: row.dead_at_ms,
  }));
}

/** Moves a dead letter back to its topic, due at once. False: no such letter. */
export async function replayDeadLetter(
  db: Queries,
  topic: Topic,
  id: string,
  nowMs: number,
): Promise<boolean> {
  const letter = await db
    .deleteFrom('bus_dead_letter')
    .where('topic', '=', topic)
    .where('id', '=', id)
    .returning(['data', 'attributes'])
    .executeTakeFirst();
  if (letter === undefined) return false;
  const anew = { attempts: 0, due_at_ms: nowMs };
  await db
    .insertInto('bus_message')
    .values({ topic, id, ...letter, ...anew })
    .onConflict((conflict) => conflict.columns(['topic', 'id']).doUpdateSet(anew))
    .execute();
  return true;
}
