// The quota journal as versions wrote it of before it was a file of lines.

import { copyFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { OutboxEntry, Reservation } from '#shared/domain/quota.ts';

interface Standing {
  readonly reservations: readonly Reservation[];
  readonly outbox: readonly OutboxEntry[];
}

/** As a killed process left it, with all of it in the write-ahead log. */
export function putEarlierJournal(path: string, standing: Standing): void {
  const made = `${path}.made`;
  using db = new DatabaseSync(made);
  db.exec(`PRAGMA journal_mode = WAL; CREATE TABLE quota_journal (
    kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id))`);
  const put = db.prepare('INSERT INTO quota_journal VALUES (?, ?, ?)');
  for (const one of standing.reservations) put.run('reservation', one.id, JSON.stringify(one));
  for (const one of standing.outbox) put.run('outbox', one.id, JSON.stringify(one));
  for (const suffix of ['', '-wal']) copyFileSync(made + suffix, path + suffix);
}
