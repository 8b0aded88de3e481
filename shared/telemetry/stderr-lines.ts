// Lines for stderr, gathered: one write for those of some milliseconds, because a write of its own for
// each costs a thread of libuv, its wake-up and a callback. Nothing waits for the reader, and one that is
// too slow costs lines, not memory. What still waits when the process ends, by itself, by `process.exit`
// or by an exception, is written then; a process that is killed leaves all but its last 10 ms.

import { pino } from 'pino';

/** What takes whole lines, each with its end. */
export interface Lines {
  write(lines: string): unknown;
  /** What waits is handed on now. */
  flush?(): void;
}

/** At a hundred writes a second they cost nothing any more; more time would only be lost by a kill. */
const GATHER_MS = 10;
/** PIPE_BUF: of several processes on one pipe, none writes into the middle of such a piece. */
const TOGETHER_BYTES_MAX = 4096;
const UNREAD_BYTES_MAX = 16 * 1024 * 1024;
/** For the write that is under way when the process ends, so that nothing overtakes it. */
const LAST_WRITE_MS = 20;

/** `onLost`: so many lines were dropped, and the reader is back. Open it once in a process. */
export function openStderrLines(onLost: (lines: number) => void): Lines {
  const stderr = pino.destination({
    fd: 2,
    sync: false,
    maxWrite: TOGETHER_BYTES_MAX,
    maxLength: UNREAD_BYTES_MAX,
  });
  let isWriting = false;
  let lost = 0;
  stderr.on('drop', (text: string) => {
    lost += text.split('\n').length - 1;
  });
  stderr.on('drain', () => {
    isWriting = false;
    const lines = lost;
    lost = 0;
    if (lines > 0) onLost(lines);
  });
  const lines = gatherLines({
    write(text) {
      isWriting = true;
      stderr.write(text);
    },
  });
  // Before pino's own listener, which does not wait for what a thread is just writing.
  process.prependListener('exit', () => {
    if (isWriting) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_WRITE_MS);
    stderr.flushSync();
    // Nobody would wait for a write of the first one any more.
    lines.flush(pino.destination({ fd: 2, sync: true }));
  });
  return lines;
}

/** Hands on what was written within some milliseconds, in pieces of whole lines where they are short. */
export function gatherLines(to: Lines): Lines & { flush(into?: Lines): void } {
  let waiting = '';
  let waitingBytes = 0;
  let timer: NodeJS.Timeout | null = null;
  const flush = (into = to): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    waitingBytes = 0;
    into.write(text);
  };
  return {
    flush,
    write(line) {
      const bytes = Buffer.byteLength(line);
      if (waitingBytes + bytes > TOGETHER_BYTES_MAX) flush();
      waiting += line;
      waitingBytes += bytes;
      timer ??= setTimeout(flush, GATHER_MS).unref();
    },
  };
}
