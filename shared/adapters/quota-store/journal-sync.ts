// What a power failure may take: a `write` that has returned survives the process's death, not the
// machine's. So within a second of a write the file is flushed to the disk, on a thread of libuv, and
// nobody waits for it.

import type { Log } from '#shared/telemetry/log.ts';
import type { JournalFile } from './journal-file.ts';

export interface JournalSync {
  /** Something was written. */
  soon(): void;
  /** Flushes what is left, for the last time. */
  end(): Promise<void>;
}

const SYNC_MS = 1_000;

export function createJournalSync(file: JournalFile, log: Log): JournalSync {
  let isDirty = false;
  let isOpen = true;
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;

  function arm(): void {
    if (timer !== null || running !== null || !isDirty || !isOpen) return;
    timer = setTimeout(flush, SYNC_MS).unref();
  }

  async function flush(): Promise<void> {
    timer = null;
    running = sync();
    await running;
    running = null;
    arm();
  }

  async function sync(): Promise<void> {
    isDirty = false;
    try {
      await file.handle().datasync();
    } catch (caught) {
      log.error('the quota journal could not be flushed; a power failure may lose what it holds', {
        error: caught instanceof Error ? caught : String(caught),
      });
    }
  }

  return {
    soon() {
      isDirty = true;
      arm();
    },
    async end() {
      isOpen = false;
      clearTimeout(timer ?? undefined);
      await running;
      if (isDirty) await sync();
    },
  };
}
