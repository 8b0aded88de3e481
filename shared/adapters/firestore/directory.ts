// The directory of people last seen. Sightings come with every batch of usage events; most say
// nothing new. What differs by less than ten minutes only is not written, and not even read where
// this process knows what the document says. Age is searched by day: an index on the instant would
// be written with every sighting, and at one end only.

import { bucketsAt } from '#shared/domain/period.ts';
import type { Person } from '#shared/ports/admin-store.ts';
import type { Page } from '#shared/ports/ledger.ts';
import { byBytes } from '../sql/chunks.ts';
import { pause } from './compare-and-swap.ts';
import { deleteFound } from './delete-found.ts';
import { hashedId } from './document-ids.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { isMoved } from './firestore-errors.ts';
import { QUERIES, startQuery } from './queries.ts';

const SEEN_EVERY_MS = 600_000;
const PEOPLE_PER_COMMIT = 50;
const PEOPLE_REMEMBERED_MAX = 50_000;

export interface Directory {
  seen(people: readonly Person[]): Promise<void>;
  person(sub: string): Promise<Person | null>;
  people(after: string | null, limit: number): Promise<Page<Person>>;
  peopleByEmail(email: string): Promise<Person[]>;
  /** Sees the person anew at the next sighting. */
  forget(sub: string): void;
  prune(beforeMs: number, assertOpen: () => void): Promise<number>;
}

export function createDirectory(database: FirestoreDatabase): Directory {
  const remembered = new Map<string, Person>();
  return {
    async seen(people) {
      const news = newest(people).filter((person) => isNews(person, remembered.get(person.sub)));
      for (let at = 0; at < news.length; at += PEOPLE_PER_COMMIT) {
        const some = news.slice(at, at + PEOPLE_PER_COMMIT);
        const written = await database.run((documents) => writePeople(documents, some));
        for (const person of written) remember(remembered, person);
      }
    },
    person: (sub) =>
      database.run(async (documents) => (await personRef(documents, sub).get()).get('row') ?? null),
    people: (after, limit) => database.run((documents) => readPeople(documents, after, limit)),
    peopleByEmail: (email) => database.run((documents) => readByEmail(documents, email)),
    forget: (sub) => void remembered.delete(sub),
    prune(beforeMs, assertOpen) {
      remembered.clear();
      const find = (documents: Documents) => {
        assertOpen();
        return startQuery(documents, QUERIES.peopleByDay).endAt(bucketsAt(beforeMs).daily);
      };
      return deleteFound(database, find, {
        isDue: (one) => one.get('row').lastSeenMs < beforeMs,
      });
    },
  };
}

/** Of several sightings of a person the newest, and of two at one instant the later in the list. */
function newest(people: readonly Person[]): Person[] {
  const bySub = new Map<string, Person>();
  for (const person of people) {
    const known = bySub.get(person.sub);
    if (known === undefined || known.lastSeenMs <= person.lastSeenMs) {
      bySub.set(person.sub, person);
    }
  }
  return [...bySub.values()];
}

function isNews(person: Person, known: Person | undefined): boolean {
  if (known === undefined) return true;
  if (person.lastSeenMs < known.lastSeenMs) return false;
  if (person.lastSeenMs - known.lastSeenMs >= SEEN_EVERY_MS) return true;
  const { email, name, groups } = person;
  const isSame = email === known.email && name === known.name;
  return !isSame || JSON.stringify(groups) !== JSON.stringify(known.groups);
}

/** Returns what the documents say now. */
async function writePeople(documents: Documents, people: readonly Person[]): Promise<Person[]> {
  for (let attempt = 0; ; attempt += 1) {
    documents.signal.throwIfAborted();
    const refs = people.map(({ sub }) => personRef(documents, sub));
    const found = await documents.client.getAll(...refs);
    const batch = documents.client.batch();
    let isEmpty = true;
    const after = people.map((person, nth) => {
      const snapshot = found[nth];
      const known: Person | undefined = snapshot?.get('row');
      if (snapshot === undefined || !isNews(person, known)) return known ?? person;
      const fields = personFields(person);
      if (snapshot.updateTime === undefined) batch.create(snapshot.ref, fields);
      else batch.update(snapshot.ref, fields, { lastUpdateTime: snapshot.updateTime });
      isEmpty = false;
      return person;
    });
    try {
      if (!isEmpty) await batch.commit();
      return after;
    } catch (caught) {
      if (!isMoved(caught)) throw caught;
      await pause(attempt, documents.signal);
    }
  }
}

async function readPeople(
  documents: Documents,
  after: string | null,
  limit: number,
): Promise<Page<Person>> {
  const query = startQuery(documents, QUERIES.peopleBySub).limit(limit + 1);
  const { docs } = await (after === null ? query : query.startAfter(after)).get();
  const rows = docs.slice(0, limit).map((one): Person => one.get('row'));
  return { rows, next: docs.length > limit ? (rows.at(-1)?.sub ?? null) : null };
}

async function readByEmail(documents: Documents, email: string): Promise<Person[]> {
  const { docs } = await startQuery(documents, QUERIES.peopleByEmail, email.toLowerCase()).get();
  return docs.map((one): Person => one.get('row')).sort((a, b) => byBytes(a.sub, b.sub));
}

export function personRef(documents: Documents, sub: string) {
  return documents.in('person').doc(hashedId(sub));
}

function personFields({ sub, email, name, groups, lastSeenMs }: Person) {
  const row = { sub, email, name, groups, lastSeenMs };
  const emailKey = email?.toLowerCase() ?? null;
  return { sub, emailKey, seenDay: bucketsAt(lastSeenMs).daily, row };
}

function remember(remembered: Map<string, Person>, person: Person): void {
  remembered.delete(person.sub);
  remembered.set(person.sub, person);
  for (const oldest of remembered.keys()) {
    if (remembered.size <= PEOPLE_REMEMBERED_MAX) break;
    remembered.delete(oldest);
  }
}
