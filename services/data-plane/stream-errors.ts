// Error events of a cloud's stream speak of the operator's projects, so they are put in our words. Every
// other event passes byte for byte: an event is held back only until its first telling line is there.
//
// Cost: one indexOf per line; a chunk without an error event is handed on as it is, uncopied.

type Emit = (bytes: Buffer) => void;
type Verdict = 'unknown' | 'pass' | 'error';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** A line that names no event and begins no error by then is not going to. */
const TELLING_BYTES = 64;
const HELD_BYTES_MAX = 65_536;
const ERROR_DATA = /^data:\s*\{\s*("type"\s*:\s*"error"|"error"\s*:)/;

export class ErrorRewriter {
  readonly #rewrite: (data: string) => string;
  #verdict: Verdict = 'unknown';
  /** The event so far, of earlier chunks: not decided yet, or an error. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Of the line that the last chunk did not end. */
  #lineBytes = 0;
  #lastByte = NEWLINE;

  /** @param rewrite the data of an error event → the whole event for the client. */
  constructor(rewrite: (data: string) => string) {
    this.#rewrite = rewrite;
  }

  /** Hands on what may go to the client, in order; nothing while an event is held. */
  push(chunk: Buffer, emit: Emit): void {
    /** Up to here everything is handed on. */
    let from = 0;
    /** Where the event begins; 0 when an earlier chunk has its beginning. */
    let eventAt = 0;
    let lineAt = 0;
    const decide = (to: number, isWhole: boolean): void => {
      this.#verdict = verdictOn(this.#lineTo(chunk.subarray(lineAt, to)), isWhole);
      if (this.#verdict !== 'error') return;
      if (eventAt > from) emit(chunk.subarray(from, eventAt));
      from = eventAt;
    };
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, lineAt)) {
      const isBlank = this.#isBlank(chunk, lineAt, end);
      if (this.#verdict === 'unknown' && !isBlank) decide(end, true);
      if (this.#verdict === 'pass' || (isBlank && this.#verdict === 'unknown')) this.#release(emit);
      lineAt = end + 1;
      this.#lineBytes = 0;
      if (!isBlank) continue;
      if (this.#verdict === 'error') {
        this.#hold(chunk.subarray(from, lineAt));
        this.#tellError(emit);
        from = lineAt;
      }
      this.#verdict = 'unknown';
      eventAt = lineAt;
    }
    if (this.#verdict === 'unknown' && lineAt < chunk.length) decide(chunk.length, false);
    this.#lineBytes += chunk.length - lineAt;
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
    if (this.#verdict === 'unknown' && this.#heldBytes + chunk.length - eventAt > HELD_BYTES_MAX) {
      this.#verdict = 'pass';
    }
    if (this.#verdict === 'pass') this.#release(emit);
    const to = { unknown: eventAt, pass: chunk.length, error: from }[this.#verdict];
    if (to > from) emit(chunk.subarray(from, to));
    this.#hold(chunk.subarray(to));
  }

  /** The stream is over: what was held goes on, an unfinished error event in our words. */
  end(emit: Emit): void {
    if (this.#verdict === 'error') this.#tellError(emit);
    else this.#release(emit);
  }

  #isBlank(chunk: Buffer, from: number, end: number): boolean {
    const bytes = this.#lineBytes + end - from;
    return bytes === 0 || (bytes === 1 && (chunk[end - 1] ?? this.#lastByte) === RETURN);
  }

  /** The line that ends with these bytes; the event is held from its beginning. */
  #lineTo(rest: Buffer): Buffer {
    if (this.#lineBytes === 0) return rest;
    return Buffer.concat([...this.#held, rest]).subarray(-(this.#lineBytes + rest.length));
  }

  /** What passes the bound is of an error event, and only its message gets lost. */
  #hold(bytes: Buffer): void {
    const room = HELD_BYTES_MAX - this.#heldBytes;
    if (bytes.length === 0 || room <= 0) return;
    const kept = Buffer.from(bytes.subarray(0, room));
    this.#held.push(kept);
    this.#heldBytes += kept.length;
  }

  #release(emit: Emit): void {
    for (const bytes of this.#held) emit(bytes);
    this.#clear();
  }

  #tellError(emit: Emit): void {
    const data = dataOf(Buffer.concat(this.#held).toString());
    this.#clear();
    emit(Buffer.from(this.#rewrite(data)));
  }

  #clear(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }
}

function verdictOn(line: Buffer, isWhole: boolean): Verdict {
  if (!isWhole && line.length < TELLING_BYTES) return 'unknown';
  const text = line.toString('latin1', 0, TELLING_BYTES);
  if (text.startsWith('event:')) return text.slice(6).trim() === 'error' ? 'error' : 'pass';
  if (text.startsWith('data:')) return ERROR_DATA.test(text) ? 'error' : 'pass';
  return 'unknown';
}

function dataOf(event: string): string {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return lines.map((line) => line.slice(5).trim()).join('\n');
}
