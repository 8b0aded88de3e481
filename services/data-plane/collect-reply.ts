import type { Sink } from './attempt.ts';

const REPLY_BYTES_MAX = 1_048_576;
/** An upstream that has refused may not dawdle over its reasons. */
const REPLY_MS_MAX = 5_000;

/** A sink for an answer that is no success: as much of it as is worth waiting for, once. */
export function collectReply(onWhole: (body: Buffer) => void): Sink {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = (): void => {
    clearTimeout(late);
    onWhole(Buffer.concat(chunks));
  };
  const late = setTimeout(end, REPLY_MS_MAX).unref();
  return {
    onData(chunk) {
      bytes += chunk.length;
      if (bytes <= REPLY_BYTES_MAX) chunks.push(Buffer.from(chunk));
      else end();
      return true;
    },
    onEnd: end,
    onDied: end,
  };
}
