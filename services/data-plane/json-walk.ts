// Walks JSON in pieces as they come and names what it meets: members, short values, where objects and
// arrays begin and end. Checks nothing: whoever parses the text does. Memory is bounded by a name.
//
// Cost: one pass over the bytes, as much as the scan of the top level.

/** Depth 1 is inside the outermost object. A name too long to be one is empty, escapes are undone. */
export interface JsonVisitor {
  /** A key, before its value. */
  member(key: string, depth: number): void;
  /** A string as the value of a member. */
  text(key: string, value: string, depth: number): void;
  /** Number, true, false or null as the value of a member. */
  literal(key: string, raw: string, depth: number): void;
  /** `key` is empty for elements of arrays; `depth` is that of the members within. */
  open(key: string, kind: 'object' | 'array', depth: number, offset: number): void;
  /** `end` is behind the bracket. */
  close(depth: number, end: number): void;
}

/** Longer than any name of the API with every character escaped. */
const NAME_BYTES_MAX = 256;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function walkJson(chunks: readonly Buffer[], visitor: JsonVisitor): void {
  const walker = new JsonWalker(visitor);
  for (const chunk of chunks) walker.push(chunk);
}

class JsonWalker {
  readonly #visitor: JsonVisitor;
  /** Offset of the current chunk in the whole text. */
  #base = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The open or the last string as it is spelled; null where it is too long for a name. */
  #text: string | null = '';
  #key = '';
  /** Behind a colon. */
  #isValue = false;
  #literal = '';

  constructor(visitor: JsonVisitor) {
    this.#visitor = visitor;
  }

  push(chunk: Buffer): void {
    let i = 0;
    while (i < chunk.length) i = this.#inString ? this.#string(chunk, i) : this.#tokens(chunk, i);
    this.#base += chunk.length;
  }

  /** From inside a string to behind its closing quote, or to the end of the chunk. */
  #string(chunk: Buffer, from: number): number {
    let i = from;
    let escaped = this.#escaped;
    let isOpen = true;
    while (i < chunk.length && isOpen) {
      const byte = chunk[i]!;
      i += 1;
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) isOpen = false;
    }
    this.#escaped = escaped;
    this.#inString = isOpen;
    this.#keep(chunk, from, isOpen ? i : i - 1);
    if (!isOpen && this.#isValue) {
      this.#isValue = false;
      this.#visitor.text(this.#key, nameOf(this.#text), this.#depth);
    }
    return i;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    if (this.#text === null) return;
    const isShort = this.#text.length + to - from <= NAME_BYTES_MAX;
    this.#text = isShort ? this.#text + chunk.toString('latin1', from, to) : null;
  }

  /** From between two strings to behind the next opening quote, or to the end of the chunk. */
  #tokens(chunk: Buffer, from: number): number {
    for (let i = from; i < chunk.length; i += 1) {
      const byte = chunk[i]!;
      if (byte === QUOTE) {
        this.#text = '';
        this.#inString = true;
        return i + 1;
      }
      if (byte === 0x3a) this.#colon();
      else if (byte === 0x7b) this.#open('object', this.#base + i);
      else if (byte === 0x5b) this.#open('array', this.#base + i);
      else if (byte === 0x7d || byte === 0x5d) this.#close(this.#base + i + 1);
      else if (byte === 0x2c) this.#endValue();
      else if (byte > 0x20 && this.#isValue) this.#literal += String.fromCharCode(byte);
    }
    return chunk.length;
  }

  #colon(): void {
    this.#key = nameOf(this.#text);
    this.#isValue = true;
    this.#visitor.member(this.#key, this.#depth);
  }

  #open(kind: 'object' | 'array', offset: number): void {
    this.#depth += 1;
    this.#visitor.open(this.#isValue ? this.#key : '', kind, this.#depth, offset);
    this.#isValue = false;
  }

  #close(end: number): void {
    this.#endValue();
    this.#visitor.close(this.#depth, end);
    this.#depth -= 1;
  }

  #endValue(): void {
    if (this.#literal !== '') this.#visitor.literal(this.#key, this.#literal, this.#depth);
    this.#literal = '';
    this.#isValue = false;
  }
}

function nameOf(raw: string | null): string {
  if (raw === null || !raw.includes('\\')) return raw ?? '';
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    return '';
  }
}
