// The directory of people last seen.

import type { Person } from '#shared/ports/admin-store.ts';
import type { Page } from '#shared/ports/ledger.ts';
import { byBytes } from './chunks.ts';
import { insertRows } from './insert-rows.ts';
import type { PersonTable } from './schema.ts';
import type { Queries } from './sql-database.ts';

/** Upserts the newest sighting of each person, unless the table has a newer one. */
export async function writePeople(db: Queries, people: readonly Person[]): Promise<void> {
  const newest = new Map<string, Person>();
  for (const person of people) {
    const known = newest.get(person.sub);
    if (known === undefined || known.lastSeenMs <= person.lastSeenMs) {
      newest.set(person.sub, person);
    }
  }
  const sorted = [...newest.values()].sort((a, b) => byBytes(a.sub, b.sub));
  await insertRows(db, insertSightings, sorted.map(personRow));
}

function insertSightings(db: Queries, rows: readonly PersonTable[]) {
  return db
    .insertInto('person')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('sub')
        .doUpdateSet((eb) => ({
          email: eb.ref('excluded.email'),
          email_key: eb.ref('excluded.email_key'),
          name: eb.ref('excluded.name'),
          groups: eb.ref('excluded.groups'),
          last_seen_ms: eb.ref('excluded.last_seen_ms'),
        }))
        .whereRef('excluded.last_seen_ms', '>=', 'person.last_seen_ms'),
    );
}

export async function readPerson(db: Queries, sub: string): Promise<Person | null> {
  const row = await db.selectFrom('person').selectAll().where('sub', '=', sub).executeTakeFirst();
  return row === undefined ? null : person(row);
}

export async function readPeople(
  db: Queries,
  after: string | null,
  limit: number,
): Promise<Page<Person>> {
  const rows = await db
    .selectFrom('person')
    .selectAll()
    .$if(after !== null, (query) => query.where('sub', '>', after ?? ''))
    .orderBy('sub')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit).map(person);
  return { rows: page, next: rows.length > limit ? (page.at(-1)?.sub ?? null) : null };
}

/** Ascending by sub. */
export async function readPeopleByEmail(db: Queries, email: string): Promise<Person[]> {
  const rows = await db
    .selectFrom('person')
    .selectAll()
    .where('email_key', '=', email.toLowerCase())
    .orderBy('sub')
    .execute();
  return rows.map(person);
}

function personRow(person: Person): PersonTable {
  return {
    sub: person.sub,
    email: person.email,
    email_key: person.email?.toLowerCase() ?? null,
    name: person.name,
    groups: JSON.stringify(person.groups),
    last_seen_ms: person.lastSeenMs,
  };
}

function person(row: PersonTable): Person {
  return {
    sub: row.sub,
    email: row.email,
    name: row.name,
    groups: JSON.parse(row.groups),
    lastSeenMs: row.last_seen_ms,
  };
}
