// Finds top-level members of a JSON object in pieces as they come, without parsing the rest. Strict
// where we read (the grammar of the top level, duplicates, escaped keys), loose below: nested values
// are only balanced, and their well-formedness is the business of whoever parses them.
//
// Cost: one pass over the bytes, ~35 µs for 87 KB; memory is bounded by the captured values.

import { BACKSLASH, closingQuote, isLiteralByte, NEAR, QUOTE } from './json-bytes.ts';
import { type Member, MemberCapture } from './member-capture.ts';

export interface ScannedObject {
  readonly outcome: 'object';
  /** Only the wanted ones, in order, duplicates included. */
  readonly members: readonly Member[];
  readonly memberCount: number;
  /** Offsets of the opening and the closing brace. */
  readonly open: number;
  readonly close: number;
}

export type Scanned =
  | ScannedObject
  | { readonly outcome: 'not_object' }
  | { readonly outcome: 'broken' };

/** Where the grammar of the top level stands. */
type At = KeyAt | 'start' | 'colon' | 'value' | 'in_value' | 'after' | 'end';
type KeyAt = 'first_key' | 'key' | 'in_key';

const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;

/** Scans a whole text that is there in pieces; keeps at most `rawBytesMax` bytes of each value. */
export function scanTopLevel(
  chunks: readonly Buffer[],
  wanted: ReadonlySet<string>,
  rawBytesMax: number,
): Scanned {
  const scanner = new TopLevelScanner(wanted, rawBytesMax);
  for (const chunk of chunks) scanner.push(chunk);
  return scanner.end();
}

export class TopLevelScanner {
  readonly #capture: MemberCapture;
  #at: At = 'start';
  #verdict: 'not_object' | 'broken' | null = null;
  /** Offset of the current chunk in the whole text. */
  #base = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #openAt = -1;
  #closeAt = -1;

  constructor(wanted: ReadonlySet<string>, rawBytesMax: number) {
    this.#capture = new MemberCapture(wanted, rawBytesMax);
  }

  push(chunk: Buffer): void {
    let i = 0;
    while (i < chunk.length && this.#verdict === null) {
      if (this.#inString) i = this.#string(chunk, i);
      else if (this.#depth > 1) i = this.#nested(chunk, i);
      else if (this.#at === 'in_value') i = this.#literal(chunk, i);
      else i = this.#topLevel(chunk, i);
    }
    this.#base += chunk.length;
  }

  end(): Scanned {
    if (this.#verdict !== null) return { outcome: this.#verdict };
    if (this.#at !== 'end') return { outcome: 'broken' };
    const { members, count } = this.#capture;
    const [open, close] = [this.#openAt, this.#closeAt];
    return { outcome: 'object', members, memberCount: count, open, close };
  }

  /** From inside a string to behind its closing quote, or to the end of the chunk. */
  #string(chunk: Buffer, from: number): number {
    const quote = closingQuote(chunk, this.#escaped ? from + 1 : from);
    const isOpen = quote >= chunk.length;
    const i = isOpen ? chunk.length : quote + 1;
    this.#escaped = quote > chunk.length;
    this.#inString = isOpen;
    if (this.#at === 'in_key') {
      this.#capture.keepKey(chunk, from, isOpen ? i : i - 1);
      if (!isOpen) this.#at = 'colon';
      return i;
    }
    this.#capture.keepValue(chunk, from, i);
    if (!isOpen && this.#depth === 1) this.#endValue(this.#base + i);
    return i;
  }

  /** Inside an array or object below the top level: only brackets and strings matter. */
  #nested(chunk: Buffer, from: number): number {
    const { length } = chunk;
    let i = from;
    let depth = this.#depth;
    while (i < length && depth > 1) {
      const byte = chunk[i]!;
      i += 1;
      if (byte === QUOTE) {
        // As `closingQuote` begins: thousands of short strings would each pay for its call.
        const near = Math.min(length, i + NEAR);
        while (i < near && chunk[i] !== QUOTE) i += chunk[i] === BACKSLASH ? 2 : 1;
        if (i >= near) i = closingQuote(chunk, i);
        if (i >= length) return this.#leaveInString(chunk, from, i, depth);
        i += 1;
      } else if (byte >= OPEN_BRACKET) {
        // The braces are the brackets with one bit more, and nothing else becomes one with it.
        const kind = byte | 0x20;
        if (kind === OPEN_BRACE) depth += 1;
        else if (kind === CLOSE_BRACE) depth -= 1;
      }
    }
    this.#depth = depth;
    this.#capture.keepValue(chunk, from, i);
    if (depth === 1) this.#endValue(this.#base + i);
    return i;
  }

  #leaveInString(chunk: Buffer, from: number, end: number, depth: number): number {
    this.#inString = true;
    this.#escaped = end > chunk.length;
    this.#depth = depth;
    this.#capture.keepValue(chunk, from, chunk.length);
    return chunk.length;
  }

  #literal(chunk: Buffer, from: number): number {
    let i = from;
    while (i < chunk.length && isLiteralByte(chunk[i]!)) i += 1;
    this.#capture.keepValue(chunk, from, i);
    if (i < chunk.length) this.#endValue(this.#base + i);
    return i;
  }

  /** One byte of the grammar between values. */
  #topLevel(chunk: Buffer, i: number): number {
    const byte = chunk[i]!;
    const offset = this.#base + i;
    const at = this.#at;
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return i + 1;
    if (at === 'value') return this.#startValue(chunk, i);
    if (at === 'start' && byte === OPEN_BRACE) {
      this.#openAt = offset;
      this.#depth = 1;
      this.#at = 'first_key';
    } else if (at === 'start') this.#verdict = 'not_object';
    else if ((at === 'first_key' || at === 'key') && byte === QUOTE) {
      this.#at = 'in_key';
      this.#inString = true;
      this.#capture.startKey(offset);
    } else if (at === 'colon' && byte === COLON) this.#at = 'value';
    else if (at === 'after' && byte === COMMA) this.#closeMember(offset, 'key');
    else if ((at === 'after' || at === 'first_key') && byte === CLOSE_BRACE) {
      this.#closeAt = offset;
      this.#closeMember(-1, 'end');
    } else this.#verdict = 'broken';
    return i + 1;
  }

  #startValue(chunk: Buffer, i: number): number {
    const byte = chunk[i]!;
    this.#at = 'in_value';
    if (!this.#capture.startValue(this.#base + i)) this.#verdict = 'broken';
    if (isLiteralByte(byte)) return i;
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth = 2;
    else this.#verdict = 'broken';
    this.#capture.keepValue(chunk, i, i + 1);
    return i + 1;
  }

  #endValue(end: number): void {
    this.#at = 'after';
    this.#capture.endValue(end);
  }

  #closeMember(commaAfter: number, next: At): void {
    this.#at = next;
    if (!this.#capture.closeMember(commaAfter)) this.#verdict = 'broken';
  }
}
