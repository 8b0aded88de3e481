// Where in a stream of server-sent events the bytes so far end: between two events, or within one.

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** `frame`: an event has just ended, or none has begun. */
export type Tail = 'frame' | 'line' | 'middle';

/** The tail after another chunk. Looks at its last bytes only. */
export function tailAfter(chunk: Buffer, before: Tail): Tail {
  let at = chunk.length - 1;
  let newlines = 0;
  for (; at >= 0 && newlines < 2; at -= 1) {
    if (chunk[at] === NEWLINE) newlines += 1;
    else if (chunk[at] !== RETURN) break;
  }
  if (newlines === 2) return 'frame';
  const isWhole = at < 0;
  if (newlines === 1) return isWhole && before !== 'middle' ? 'frame' : 'line';
  return isWhole ? before : 'middle';
}

export interface StreamError {
  /** Anthropic error type. */
  readonly type: string;
  readonly message: string;
}

export function errorEvent({ type, message }: StreamError, requestId: string): string {
  const error = { type: 'error', request_id: requestId, error: { type, message } };
  return `event: error\ndata: ${JSON.stringify(error)}\n\n`;
}

/**
 * What to put in front of an error event. In the middle of a line nothing can be taken back: naming the
 * broken event `error` and adding ours as its last data line is what parsers understand best.
 */
export const BEFORE_ERROR: Readonly<Record<Tail, string>> = { frame: '', line: '\n', middle: '\n' };
