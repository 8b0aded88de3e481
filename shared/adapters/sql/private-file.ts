import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes an empty file that only its owner can read (0600, missing directories 0700), for SQLite to
 * open: by itself it would take the umask's mode, and `-wal` and `-shm` take the file's. A file that
 * is there stays as it is and is not even opened: closing it would drop this process's locks on it.
 * @throws the file system's error.
 */
export function createPrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'EEXIST') throw caught;
  }
}
