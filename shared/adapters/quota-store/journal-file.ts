// The file under a quota journal: whole lines, or none of them. Whatever a write that failed or a
// process that was killed left behind the last acknowledged line is cut off before anything is added,
// or a later line would be glued to it and both be lost.

import { fstatSync, ftruncateSync, writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** `writeSync`, or a disk of a test's own. Like it, it may take a part only. */
export type DiskWrite = (fd: number, text: string | Uint8Array) => number;

const toDisk: DiskWrite = (fd, text) =>
  typeof text === 'string' ? writeSync(fd, text) : writeSync(fd, text);

export interface JournalFile {
  handle(): FileHandle;
  /** Up to the end of the last line that was acknowledged. */
  bytes(): number;
  /** @throws the file system's error: the file is as it was before, or will be at the next call. */
  append(text: string): void;
  /** Goes on in another file, whole as it is. */
  moveTo(other: FileHandle): void;
}

export function createJournalFile(
  first: FileHandle,
  wholeBytes: number,
  write: DiskWrite = toDisk,
): JournalFile {
  let handle = first;
  let bytes = wholeBytes;
  let mayHaveMore = true;

  function cut(): void {
    ftruncateSync(handle.fd, bytes);
    mayHaveMore = false;
  }

  function cutIfPossible(): void {
    try {
      cut();
    } catch {
      // `mayHaveMore` stands: it is tried again before anything is added.
    }
  }

  return {
    handle: () => handle,
    bytes: () => bytes,
    append(text) {
      if (mayHaveMore) cut();
      mayHaveMore = true;
      try {
        bytes += writeWhole(handle.fd, text, write);
        mayHaveMore = false;
      } catch (caught) {
        cutIfPossible();
        throw caught;
      }
    },
    moveTo(other) {
      bytes = fstatSync(other.fd).size;
      mayHaveMore = false;
      handle = other;
    },
  };
}

/** @returns how many bytes that were. @throws the file system's error, with a part written or none. */
export function writeWhole(fd: number, text: string, write: DiskWrite = toDisk): number {
  const bytes = Buffer.byteLength(text);
  let written = write(fd, text);
  if (written === bytes) return bytes;
  // A disk that is almost full takes a part; when asked again it says why it takes no more.
  const whole = Buffer.from(text);
  while (written < bytes) {
    const more = write(fd, whole.subarray(written));
    if (more === 0) throw new RangeError(`${written} of ${bytes} bytes were written, and no more`);
    written += more;
  }
  return bytes;
}
