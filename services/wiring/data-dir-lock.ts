// One process at a time on a data_dir with embedded stores: quota counters and revocations live in its
// memory. Node has no flock, so SQLite's lock on an empty file stands in: the kernel holds it for the
// process, and nothing of it is left when the process is killed, whatever way.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createPrivateFile } from '#shared/adapters/sql/private-file.ts';
import { AppError } from '#shared/errors/app-error.ts';

const NAME = 'in-use.lock';
const SQLITE_BUSY = 5;

/**
 * Takes the directory (made with mode 0700 when it is missing) for this process until it is disposed
 * or the process ends. Never waits: a process that still drains its requests holds it.
 * @throws AppError `unavailable` when another one holds it, or when the directory cannot be used.
 */
export async function lockDataDir(directory: string): Promise<AsyncDisposable> {
  try {
    const path = join(directory, NAME);
    createPrivateFile(path);
    const lock = holdLock(path);
    return {
      async [Symbol.asyncDispose]() {
        if (lock.isOpen) lock.close();
      },
    };
  } catch (cause) {
    throw new AppError('unavailable', refusal(directory, cause), { cause });
  }
}

function holdLock(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    // Held as long as the transaction is open. It never writes: the file stays empty, and needs no
    // journal file beside it.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (caught) {
    db.close();
    throw caught;
  }
}

function refusal(directory: string, cause: unknown): string {
  const { errcode } = Object(cause) as { readonly errcode?: number };
  return errcode !== undefined && (errcode & 0xff) === SQLITE_BUSY
    ? `The directory ${directory} is in use by another Tallygate; stop that one, or give this one a ` +
        'data_dir of its own.'
    : `The directory ${directory} cannot be used; check data_dir, its disk and permissions.`;
}
