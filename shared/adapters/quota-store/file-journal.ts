// What an in-process quota store must not forget: an append-only file of JSON lines. All changes of a
// turn of the event loop share one `write`. A `kill -9` loses nothing acknowledged; when the power
// fails, the last second may be lost (journal-sync.ts).
//
// Most lines are soon void. When the file has grown to several times what stands, that is written to a
// new file beside the event loop, while lines go on to the old one; the new one is given those too and
// renamed over the old one within one turn. One process only: services/wiring locks the directory.

import { mkdirSync, renameSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { readJsonLines } from '../files/json-lines.ts';
import { syncDirectory } from '../files/sync-directory.ts';
import { createJournalFile, type DiskWrite, writeWhole } from './journal-file.ts';
import * as lines from './journal-lines.ts';
import { createJournalSync } from './journal-sync.ts';
import type { JournalChange, QuotaJournal } from './memory.ts';

export interface FileJournalOptions {
  readonly path: string;
  readonly log: Log;
  /** Below it a file is not compacted, but for its age. */
  readonly compactFromBytes?: number;
  readonly write?: DiskWrite;
}

interface Turn extends PromiseWithResolvers<void> {
  text: string;
  readonly changes: JournalChange[];
}

/** At 2 500 requests a second it is reached in two seconds, and read in 50 ms. */
const COMPACT_FROM_BYTES = 8 << 20;
const LINES_PER_RECORD = 4;
/** Nobody's name stays in a void line for longer. */
const COMPACT_EVERY_MS = 3_600_000;

/**
 * The file is made with mode 0600: events have e-mail addresses and names.
 * @throws AppError `unavailable` when it cannot be opened or read.
 */
export async function openFileQuotaJournal(options: FileJournalOptions): Promise<QuotaJournal> {
  const { path, log, compactFromBytes = COMPACT_FROM_BYTES, write } = options;
  const records = lines.createJournalRecords();
  let lineCount = 0;
  const { handle, wholeBytes, broken } = await openFile(path, (value) => {
    records.apply(lines.parseChange(value));
    lineCount += 1;
  });
  lineCount += broken;
  if (broken > 0) {
    const fields = { file: basename(path), lines: broken };
    log.error('lines of the quota journal cannot be read; what they held is lost', fields);
  }
  const file = createJournalFile(handle, wholeBytes, write);
  const sync = createJournalSync(file, log);
  let compactAt = compactFromBytes;
  let compacting: Promise<void> | null = null;
  /** What was written since the compaction began that is running. */
  let since: string | null = null;
  let turn: Turn | null = null;

  function flush(): void {
    if (turn === null) return;
    const { text, changes, resolve, reject } = turn;
    turn = null;
    try {
      file.append(text);
    } catch (cause) {
      const message = 'The quota journal could not be written; check the disk under data_dir.';
      reject(new AppError('unavailable', message, { cause }));
      return;
    }
    for (const change of changes) records.apply(change);
    lineCount += changes.length;
    if (since !== null) since += text;
    resolve();
    sync.soon();
    if (file.bytes() >= compactAt && lineCount > LINES_PER_RECORD * records.count()) compact();
  }

  function compact(): void {
    if (lineCount === records.count()) return;
    compacting ??= rewrite().finally(() => {
      since = null;
      compacting = null;
    });
  }

  async function rewrite(): Promise<void> {
    const next = `${path}.new`;
    let fresh: FileHandle | null = null;
    try {
      await rm(next, { force: true });
      fresh = await open(next, 'ax', 0o600);
      const old = file.handle();
      await fill(fresh, () => renameSync(next, path));
      fresh = null;
      sync.soon();
      await old.close();
      await syncDirectory(dirname(path));
    } catch (caught) {
      compactAt = file.bytes() + compactFromBytes;
      const error = caught instanceof Error ? caught : String(caught);
      log.warn('the quota journal could not be compacted', { bytes: file.bytes(), error });
      await Promise.allSettled([fresh?.close(), rm(next, { force: true })]);
    }
  }

  async function fill(fresh: FileHandle, takePlace: () => void): Promise<void> {
    const standing = records.changes();
    const before = lineCount;
    since = '';
    for (const text of lines.journalTexts(standing)) await fresh.appendFile(text);
    while (since.length > lines.TEXT_LENGTH) {
      const text: string = since;
      since = '';
      await fresh.appendFile(text);
    }
    await fresh.datasync();
    // From here on within one turn: nobody writes to the old file meanwhile.
    writeWhole(fresh.fd, since, write);
    takePlace();
    file.moveTo(fresh);
    since = null;
    lineCount = standing.length + lineCount - before;
    compactAt = compactFromBytes;
  }

  const aging = setInterval(compact, COMPACT_EVERY_MS).unref();
  compact();
  await compacting;

  return {
    load: () => ({
      reservations: [...records.reservations.values()],
      outbox: [...records.outbox.values()],
    }),
    write(change) {
      if (turn === null) {
        turn = { text: '', changes: [], ...Promise.withResolvers<void>() };
        setImmediate(flush);
      }
      turn.text += lines.journalLine(change);
      turn.changes.push(change);
      return turn.promise;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(aging);
      flush();
      await compacting;
      await sync.end();
      await file.handle().close();
    },
  };
}

async function openFile(path: string, take: (value: unknown) => void) {
  let handle: FileHandle | null = null;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    handle = await open(path, 'a', 0o600);
    return { handle, ...readJsonLines(path, take) };
  } catch (cause) {
    await handle?.close();
    const message = `The quota journal ${path} cannot be opened; check data_dir and its permissions.`;
    throw new AppError('unavailable', message, { cause });
  }
}
