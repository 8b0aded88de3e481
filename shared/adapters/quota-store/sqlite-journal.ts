// What an in-process quota store must not forget, in an SQLite file of its own: a second connection
// to the ledger's file would wait, blocking the thread, for that file's open transaction.
//
// Group commit: all changes of one tick share a transaction (about 0.1 ms). A `kill -9` loses nothing
// acknowledged; synchronous=NORMAL may lose the last commits when the power fails.

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { OutboxEntry, Reservation } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { createPrivateFile } from '../sql/private-file.ts';
import type { JournalChange, QuotaJournal } from './memory.ts';

const SCHEMA = `CREATE TABLE IF NOT EXISTS quota_journal (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
)`;

interface Waiting {
  readonly change: JournalChange;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The file is made with mode 0600: events have e-mail addresses and names.
 * @throws AppError `unavailable` when it cannot be opened.
 */
export function openSqliteQuotaJournal(path: string): QuotaJournal {
  const db = openDatabase(path);
  const put = statement('INSERT OR REPLACE INTO quota_journal (kind, id, body) VALUES (?, ?, ?)');
  const drop = statement('DELETE FROM quota_journal WHERE kind = ? AND id = ?');
  const [begin, commit] = [statement('BEGIN IMMEDIATE'), statement('COMMIT')];
  let waiting: Waiting[] = [];

  function statement(sql: string): StatementSync {
    return db.prepare(sql);
  }

  function flush(): void {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    try {
      begin.run();
      for (const { change } of batch) write(change);
      commit.run();
    } catch (cause) {
      if (db.isOpen && db.isTransaction) db.exec('ROLLBACK');
      const message = 'The quota journal could not be written; check the disk under data_dir.';
      for (const { reject } of batch) reject(new AppError('unavailable', message, { cause }));
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  function write(change: JournalChange): void {
    const { putReservation, dropReservation, putOutbox, dropOutbox = [] } = change;
    if (dropReservation !== undefined) drop.run('reservation', dropReservation);
    if (putReservation !== undefined) {
      put.run('reservation', putReservation.id, JSON.stringify(putReservation));
    }
    if (putOutbox !== undefined) put.run('outbox', putOutbox.id, JSON.stringify(putOutbox));
    for (const id of dropOutbox) drop.run('outbox', id);
  }

  function read<T>(kind: string): T[] {
    const rows = db
      .prepare('SELECT body FROM quota_journal WHERE kind = ? ORDER BY rowid')
      .all(kind);
    return rows.map((row) => JSON.parse(String(row['body'])) as T);
  }

  return {
    load() {
      return {
        reservations: read<Reservation>('reservation'),
        outbox: read<OutboxEntry>('outbox'),
      };
    },
    write(change) {
      return new Promise((resolve, reject) => {
        if (waiting.push({ change, resolve, reject }) === 1) setImmediate(flush);
      });
    },
    async [Symbol.asyncDispose]() {
      flush();
      if (db.isOpen) db.close();
    },
  };
}

function openDatabase(path: string): DatabaseSync {
  try {
    createPrivateFile(path);
    const db = new DatabaseSync(path, { timeout: 5000 });
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    db.exec(SCHEMA);
    return db;
  } catch (cause) {
    const message = `The quota journal ${path} cannot be opened; check data_dir and its permissions.`;
    throw new AppError('unavailable', message, { cause });
  }
}
