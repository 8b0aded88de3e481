// Server-sent events (HTML §9.2.6) as the data of one event at a time, from bytes split anywhere.
// Lines end in LF or CRLF. An event larger than the bound is not kept: only its bytes are counted.

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const FRAME_BYTES_MAX = 1_048_576;
const DATA = Buffer.from('data:');
const EVENT = Buffer.from('event:');
const NAME_BYTES_MAX = 64;

/** The data of one event, which is `bytes` from `start` to `end`, and the name that its event line gave. */
export type OnFrame = (bytes: Buffer, start: number, end: number, event: string) => void;

export class SseLines {
  /** Data bytes of events that were too large to keep. */
  skippedBytes = 0;
  readonly #onFrame: OnFrame;
  /** The unfinished line: pieces of it, or only its length once it is too long. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** A data line of this chunk that may be all of its event: nearly all are, and need no buffer of their own. */
  #line: Line | null = null;
  #lines: Buffer[] = [];
  #dataBytes = 0;
  #event = '';
  #lastName: Buffer = Buffer.alloc(0);
  #lastEvent = '';
  #tooLarge = false;

  /** The name of an event without an event line is empty. */
  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    let at = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      if (chunk[i] !== NEWLINE) continue;
      if (this.#isWhole(i - at)) this.#whole(chunk, at, i);
      else this.#pieced(chunk.subarray(at, i));
      at = i + 1;
    }
    this.#settleLine();
    if (at < chunk.length) this.#keep(chunk.subarray(at));
  }

  /** An event that its blank line never closed still counts for what it holds. */
  end(): void {
    if (this.#restBytes > 0) this.#pieced(Buffer.alloc(0));
    this.#dispatch();
  }

  #keep(piece: Buffer): void {
    this.#restBytes += piece.length;
    if (this.#restBytes + this.#dataBytes > FRAME_BYTES_MAX) {
      this.#tooLarge = true;
      // The last byte tells a blank line that ends in CRLF from one that has text.
      this.#rest = [Buffer.from(piece.subarray(-1))];
    } else this.#rest.push(Buffer.from(piece));
  }

  #pieced(tail: Buffer): void {
    const bytes = this.#restBytes + tail.length;
    if (this.#tooLarge || bytes + this.#dataBytes > FRAME_BYTES_MAX) {
      this.#tooLarge = true;
      this.#endSkippedLine(bytes, tail);
      return;
    }
    const joined = this.#restBytes === 0 ? tail : Buffer.concat([...this.#rest, tail]);
    this.#clearRest();
    this.#whole(joined, 0, joined.length);
  }

  /** In one piece and within bounds, as nearly all lines are. */
  #isWhole(bytes: number): boolean {
    return this.#restBytes === 0 && !this.#tooLarge && bytes + this.#dataBytes <= FRAME_BYTES_MAX;
  }

  #whole(bytes: Buffer, start: number, newline: number): void {
    const end = newline > start && bytes[newline - 1] === RETURN ? newline - 1 : newline;
    if (end === start) this.#dispatch();
    else if (startsWith(bytes, start, end, DATA)) {
      this.#keepData(bytes, start + DATA.length, end);
    } else if (startsWith(bytes, start, end, EVENT)) {
      const from = start + EVENT.length;
      this.#event = this.#nameOf(bytes, from, Math.min(end, from + NAME_BYTES_MAX));
    }
  }

  /** Most events are called as the one before: its name need not be decoded again. */
  #nameOf(bytes: Buffer, from: number, to: number): string {
    const known = this.#lastName;
    if (to - from !== known.length || !startsWith(bytes, from, to, known)) {
      this.#lastName = Buffer.from(bytes.subarray(from, to));
      this.#lastEvent = bytes.toString('latin1', from, to).trim();
    }
    return this.#lastEvent;
  }

  #endSkippedLine(bytes: number, tail: Buffer): void {
    const last = tail.at(-1) ?? this.#rest.at(-1)?.at(-1);
    const isBlank = bytes === 0 || (bytes === 1 && last === RETURN);
    this.skippedBytes += bytes;
    this.#clearRest();
    if (isBlank) this.#dispatch();
  }

  #keepData(bytes: Buffer, start: number, end: number): void {
    this.#settleLine();
    this.#line = { bytes, start, end };
    this.#dataBytes += end - start;
  }

  /** There is more to its event, or its chunk is at its end. */
  #settleLine(): void {
    const line = this.#line;
    if (line === null) return;
    this.#line = null;
    this.#lines.push(line.bytes.subarray(line.start, line.end));
  }

  #clearRest(): void {
    this.#rest = [];
    this.#restBytes = 0;
  }

  #dispatch(): void {
    const lines = this.#lines;
    const line = this.#line;
    const wasTooLarge = this.#tooLarge;
    if (wasTooLarge) this.skippedBytes += this.#dataBytes;
    const event = this.#event;
    this.#line = null;
    if (lines.length > 0) this.#lines = [];
    this.#dataBytes = 0;
    this.#event = '';
    this.#tooLarge = false;
    if (wasTooLarge) return;
    if (lines.length === 0) {
      if (line !== null) this.#onFrame(line.bytes, line.start, line.end, event);
      return;
    }
    if (line !== null) lines.push(line.bytes.subarray(line.start, line.end));
    const whole =
      lines.length === 1 ? lines[0]! : Buffer.concat(lines.flatMap(withNewline).slice(1));
    this.#onFrame(whole, 0, whole.length, event);
  }
}

interface Line {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

function startsWith(bytes: Buffer, start: number, end: number, prefix: Buffer): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i += 1) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

function withNewline(line: Buffer): Buffer[] {
  return [Buffer.of(NEWLINE), line];
}
