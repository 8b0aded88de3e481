// What was written to a file is on the disk: fdatasync on a thread of libuv, so that the event loop goes
// on meanwhile. Whoever asks while one runs shares the next one, which begins after what they wrote.

import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

export interface FileSync extends Disposable {
  /** Resolves when everything is durable that was written before the call. */
  sync(): Promise<void>;
}

const flushed = promisify(fdatasync);

/** The file must be there at the first `sync`. */
export function createFileSync(path: string): FileSync {
  let fd: number | null = null;
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;

  async function after(earlier: Promise<void>): Promise<void> {
    await earlier.catch(() => undefined);
    next = null;
    fd ??= openSync(path, 'r');
    await flushed(fd);
  }

  return {
    sync() {
      if (next === null) {
        next = after(running);
        running = next;
      }
      return next;
    },
    [Symbol.dispose]() {
      if (fd !== null) closeSync(fd);
    },
  };
}
