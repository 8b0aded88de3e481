// An installation of before the journal was a file of lines has it in SQLite. What stands there is
// money: it goes to the end of the new file, and the old one goes when it is on the disk there. A
// start that is killed in between does all of it again, which changes nothing.

import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { OutboxEntry, Reservation } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { syncDirectory } from '../files/sync-directory.ts';
import { journalTexts } from './journal-lines.ts';
import type { JournalChange } from './memory.ts';

/**
 * `from` is there, and the journal `into` is not open yet.
 * @throws AppError `unavailable`: nothing was removed.
 */
export async function takeOverSqliteJournal(from: string, into: string): Promise<void> {
  try {
    copy(from, into);
    await syncDirectory(dirname(into));
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${from}${suffix}`, { force: true });
  } catch (cause) {
    const message = `The quota journal ${from} of an earlier version cannot be taken over into ${into}.`;
    throw new AppError('unavailable', message, { cause });
  }
}

function copy(from: string, into: string): void {
  const fd = openSync(into, 'a', 0o600);
  try {
    // Ends the line at which an earlier start was killed.
    writeFileSync(fd, '\n');
    for (const text of journalTexts(standing(from))) writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function* standing(path: string): Generator<JournalChange> {
  using db = new DatabaseSync(path);
  // A process that was killed in its first moment left a file without it.
  db.exec('CREATE TABLE IF NOT EXISTS quota_journal (kind TEXT, id TEXT, body TEXT)');
  const rows = db.prepare('SELECT kind, body FROM quota_journal ORDER BY rowid').iterate();
  for (const { kind, body } of rows) {
    const record: unknown = JSON.parse(String(body));
    if (kind === 'outbox') yield { putOutbox: record as OutboxEntry };
    else yield { putReservation: record as Reservation };
  }
}
