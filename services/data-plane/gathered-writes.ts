// What comes in one turn of the event loop is written as one piece: an upstream's chunks are often many
// and small, and each write of node:http is four entries of a writev.

import type { ServerResponse } from 'node:http';

export interface GatheredWrites {
  /** False: the client has yet to read what was written before this turn. */
  write(chunk: Buffer): boolean;
  /** Before anything else is written, and before the end. */
  flush(): void;
}

export function gatherWrites(res: ServerResponse): GatheredWrites {
  let parts: Buffer[] = [];
  const flush = (): void => {
    if (parts.length === 0) return;
    const [first = Buffer.alloc(0)] = parts;
    const whole = parts.length === 1 ? first : Buffer.concat(parts);
    parts = [];
    if (!res.destroyed) res.write(whole);
  };
  return {
    write(chunk) {
      if (parts.push(chunk) === 1) process.nextTick(flush);
      return !res.writableNeedDrain;
    },
    flush,
  };
}
