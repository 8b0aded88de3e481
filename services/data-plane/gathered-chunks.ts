// What comes in one turn of the event loop is handled as one piece: an upstream's chunks are often many
// and small, and each write of node:http is four entries of a writev.

export interface GatheredChunks {
  add(chunk: Buffer): void;
  /** Before anything else is sent, and before the end. */
  flush(): void;
}

export function gatherChunks(onWhole: (whole: Buffer) => void): GatheredChunks {
  let parts: Buffer[] = [];
  const flush = (): void => {
    const first = parts[0];
    if (first === undefined) return;
    const whole = parts.length === 1 ? first : Buffer.concat(parts);
    parts = [];
    onWhole(whole);
  };
  return {
    add(chunk) {
      if (parts.push(chunk) === 1) process.nextTick(flush);
    },
    flush,
  };
}
