// The people of a batch into the directory, which is a convenience: its failure must not send money round
// again, and somebody who works is written down every ten seconds, not with every request.

import { hash } from 'node:crypto';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore, Person } from '#shared/ports/admin-store.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface NoteSeenDeps {
  readonly admin: Pick<AdminStore, 'seen'>;
  readonly log: Log;
}

/** Never rejects. */
export type NoteSeen = (events: readonly UsageEvent[]) => Promise<void>;

interface Sighting {
  /** Stands for what the directory says of them; names nobody. */
  readonly digest: string;
  readonly atMs: number;
}

const AGAIN_AFTER_MS = 10_000;
const PEOPLE_KEPT_MAX = 10_000;

export function createNoteSeen({ admin, log }: NoteSeenDeps): NoteSeen {
  const written = new Map<string, Sighting>();

  return async (events) => {
    const seen = newestOf(events).flatMap((person) => {
      const sighting = { digest: digestOf(person), atMs: person.lastSeenMs };
      return isNews(sighting, written.get(person.sub)) ? [{ person, sighting }] : [];
    });
    if (seen.length === 0) return;
    try {
      await admin.seen(seen.map(({ person }) => person));
    } catch (err) {
      log.warn('people seen could not be written down', { err: AppError.from(err) });
      return;
    }
    if (written.size + seen.length > PEOPLE_KEPT_MAX) written.clear();
    for (const { person, sighting } of seen) written.set(person.sub, sighting);
  };
}

function newestOf(events: readonly UsageEvent[]): Person[] {
  const people = new Map<string, Person>();
  for (const { sub, email, name, groups, timeMs } of events) {
    const known = people.get(sub);
    if (known === undefined || known.lastSeenMs < timeMs) {
      people.set(sub, { sub, email, name, groups, lastSeenMs: timeMs });
    }
  }
  return [...people.values()];
}

function digestOf({ email, name, groups }: Person): string {
  return hash('sha256', JSON.stringify([email, name, groups]), 'base64');
}

function isNews({ digest, atMs }: Sighting, known: Sighting | undefined): boolean {
  if (known === undefined) return true;
  if (digest !== known.digest) return atMs >= known.atMs;
  return atMs >= known.atMs + AGAIN_AFTER_MS;
}
