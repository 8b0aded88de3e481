// Files of JSON lines, read back. What a killed process left half written is the last line, which has
// no line feed and was never acknowledged; a line that cannot be read in the middle is damage.

import { closeSync, openSync, readSync } from 'node:fs';

export interface JsonLinesRead {
  /** Lines that are not JSON, or that `take` refused. */
  readonly broken: number;
  /** Up to the end of the last whole line. */
  readonly wholeBytes: number;
}

const CHUNK_BYTES = 1 << 20;
const LINE_FEED = 0x0a;

/**
 * Reads a file, which may be larger than a string can be. `take` throws at a value it does not know.
 * @throws the file system's error.
 */
export function readJsonLines(path: string, take: (value: unknown) => void): JsonLinesRead {
  const fd = openSync(path, 'r');
  try {
    return readOpen(fd, take);
  } finally {
    closeSync(fd);
  }
}

function readOpen(fd: number, take: (value: unknown) => void): JsonLinesRead {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest = Buffer.alloc(0);
  let bytes = 0;
  let broken = 0;
  for (;;) {
    const read = readSync(fd, chunk, 0, CHUNK_BYTES, bytes);
    if (read === 0) return { broken, wholeBytes: bytes - rest.length };
    bytes += read;
    const text = Buffer.concat([rest, chunk.subarray(0, read)]);
    let start = 0;
    for (let end = text.indexOf(LINE_FEED); end !== -1; end = text.indexOf(LINE_FEED, start)) {
      if (!isTaken(text.toString('utf8', start, end), take)) broken += 1;
      start = end + 1;
    }
    rest = text.subarray(start);
  }
}

function isTaken(line: string, take: (value: unknown) => void): boolean {
  if (line === '') return true;
  try {
    take(JSON.parse(line));
    return true;
  } catch {
    return false;
  }
}
