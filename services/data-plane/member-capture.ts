// What a scanner keeps of the members it was asked for: offsets to cut by and the value's own text.

export interface Member {
  readonly key: string;
  /** Offset of the key's opening quote in the whole text. */
  readonly start: number;
  readonly valueStart: number;
  /** Exclusive. */
  readonly end: number;
  /** Offset of the comma in front; -1 for the first member. */
  readonly commaBefore: number;
  /** Offset of the comma behind; -1 for the last member. */
  readonly commaAfter: number;
  /** The value's own text; null where it is longer than the scanner keeps. */
  readonly raw: string | null;
}

interface OpenMember {
  readonly key: string;
  readonly start: number;
  readonly valueStart: number;
  readonly commaBefore: number;
  end: number;
  parts: Buffer[] | null;
}

/** Longer than any wanted key with every character escaped. */
const KEY_BYTES_MAX = 128;
/** More wanted members than this (an attack with duplicates) make the text broken. */
const MEMBERS_MAX = 64;

export class MemberCapture {
  readonly members: Member[] = [];
  /** All members, not only the wanted ones. */
  count = 0;
  readonly #wanted: ReadonlySet<string>;
  readonly #rawBytesMax: number;
  #key = '';
  #keyStart = 0;
  #commaBefore = -1;
  #open: OpenMember | null = null;
  #rawBytes = 0;

  constructor(wanted: ReadonlySet<string>, rawBytesMax: number) {
    this.#wanted = wanted;
    this.#rawBytesMax = rawBytesMax;
  }

  startKey(offset: number): void {
    this.#key = '';
    this.#keyStart = offset;
  }

  keepKey(chunk: Uint8Array, from: number, to: number): void {
    const room = KEY_BYTES_MAX - this.#key.length;
    // Latin-1: a wanted key is ASCII, and no byte of a longer character can make one.
    for (let i = from; i < Math.min(to, from + room); i += 1) {
      this.#key += String.fromCharCode(chunk[i]!);
    }
  }

  /** False: the key is no JSON string. */
  startValue(offset: number): boolean {
    const key = decodeKey(this.#key);
    this.count += 1;
    this.#rawBytes = 0;
    if (key === null) return false;
    if (this.#wanted.has(key)) {
      const commaBefore = this.#commaBefore;
      const start = this.#keyStart;
      this.#open = { key, start, valueStart: offset, commaBefore, end: offset, parts: [] };
    }
    return true;
  }

  keepValue(chunk: Uint8Array, from: number, to: number): void {
    const open = this.#open;
    if (open === null || open.parts === null || to === from) return;
    this.#rawBytes += to - from;
    if (this.#rawBytes > this.#rawBytesMax) open.parts = null;
    else open.parts.push(Buffer.from(chunk.subarray(from, to)));
  }

  endValue(end: number): void {
    if (this.#open !== null) this.#open.end = end;
  }

  /** At a comma, or (-1) at the closing brace. False: more wanted members than anyone means. */
  closeMember(commaAfter: number): boolean {
    const open = this.#open;
    this.#commaBefore = commaAfter;
    if (open === null) return true;
    this.#open = null;
    if (this.members.length >= MEMBERS_MAX) return false;
    const { parts, ...rest } = open;
    const raw = parts === null ? null : Buffer.concat(parts).toString('utf8');
    this.members.push({ ...rest, commaAfter, raw });
    return true;
  }
}

/** Null: not a JSON string. */
function decodeKey(raw: string): string | null {
  if (!raw.includes('\\')) return raw;
  if (raw.length >= KEY_BYTES_MAX) return '';
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    return null;
  }
}
