// Append-only files of JSON lines in a directory. A process writes a file of its own, and takes over
// the files of others when it drains: a rename decides between two that want the same one. Whoever
// still wrote to a file that was taken finds that out after the write, and writes again elsewhere.
//
// Cost: nothing until the first entry; then one write and one fsync each.

import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '#shared/errors/app-error.ts';
import type { SpoolEntry, UsageSpool } from '#shared/ports/usage-spool.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { readJsonLines } from '../files/json-lines.ts';

export interface FileSpoolOptions {
  /** Made with mode 0700 when it is missing. */
  readonly directory: string;
  readonly log: Log;
}

interface OwnFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly inode: bigint;
}

const SUFFIX = '.jsonl';

/** @throws AppError `unavailable` when the directory cannot be made or read. */
export function openFileSpool({ directory, log }: FileSpoolOptions): UsageSpool {
  const waiting = new Map<string, SpoolEntry>();
  let own: OwnFile | null = null;
  let appending: Promise<void> = Promise.resolve();
  let draining: Promise<number> | null = null;
  /** Files whose entries are in `waiting`: removed when nothing of them waits any more. */
  const taken = new Set<string>();
  const left = accessible(directory, () => spoolFiles(directory));
  let size = left.reduce((sum, path) => sum + readEntries(path, log).length, 0);
  if (size > 0) log.warn('usage waits in the spool of this machine', { directory, entries: size });

  async function write(entry: SpoolEntry): Promise<void> {
    for (;;) {
      own ??= await openOwn(directory);
      await own.handle.appendFile(`${JSON.stringify(entry)}\n`);
      await own.handle.sync();
      if (await isStill(own)) return;
      await own.handle.close();
      own = null;
    }
  }

  async function takeFiles(): Promise<void> {
    await appending;
    await own?.handle.close();
    own = null;
    for (const path of spoolFiles(directory)) {
      if (taken.has(path)) continue;
      const mine = join(directory, `taken-${randomUUID()}${SUFFIX}`);
      try {
        await rename(path, mine);
      } catch {
        // Another process was faster, and delivers what is in it.
        continue;
      }
      taken.add(mine);
      for (const entry of readEntries(mine, log)) waiting.set(entry.id, entry);
    }
    size = waiting.size;
  }

  async function deliverAll(take: (entry: SpoolEntry) => Promise<void>): Promise<number> {
    await takeFiles();
    let delivered = 0;
    for (const entry of [...waiting.values()]) {
      await take(entry);
      waiting.delete(entry.id);
      delivered += 1;
      size -= 1;
    }
    // Another process may have taken it over meanwhile, and delivers it a second time.
    for (const path of taken) rmSync(path, { force: true });
    taken.clear();
    return delivered;
  }

  return {
    async append(entry) {
      const written = appending.then(() => write(entry));
      appending = written.catch(() => undefined);
      await accessibleLater(directory, written);
      size += 1;
    },
    size: () => size,
    drain(take) {
      draining ??= deliverAll(take).finally(() => {
        draining = null;
      });
      return draining;
    },
    async [Symbol.asyncDispose]() {
      await appending;
      await draining?.catch(() => 0);
      await own?.handle.close();
      own = null;
    },
  };
}

async function openOwn(directory: string): Promise<OwnFile> {
  const path = join(directory, `${randomUUID()}${SUFFIX}`);
  const handle = await open(path, 'ax', 0o600);
  const { ino } = await handle.stat({ bigint: true });
  return { path, handle, inode: ino };
}

async function isStill({ path, inode }: OwnFile): Promise<boolean> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found?.ino === inode;
}

function spoolFiles(directory: string): string[] {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const names = readdirSync(directory).filter((name) => name.endsWith(SUFFIX));
  return names.sort().map((name) => join(directory, name));
}

function readEntries(path: string, log: Log): SpoolEntry[] {
  const entries: SpoolEntry[] = [];
  const { broken } = readJsonLines(path, (entry) => entries.push(entry as SpoolEntry));
  if (broken > 0) {
    log.error('lines of the spool cannot be read', { file: basename(path), lines: broken });
  }
  return entries;
}

function accessible<T>(directory: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw inaccessible(directory, cause);
  }
}

async function accessibleLater<T>(directory: string, work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    throw inaccessible(directory, cause);
  });
}

function inaccessible(directory: string, cause: unknown): AppError {
  const message = `The spool ${directory} cannot be used; check data_dir, its disk and permissions.`;
  return new AppError('unavailable', message, { cause });
}
