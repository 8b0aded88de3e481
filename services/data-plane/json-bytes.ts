// The bytes of JSON (RFC 8259) that readers look for without parsing it.

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;

/** One bit set in each byte of a word, the highest in each, and the two bytes that are looked for. */
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;

/**
 * Where the string that `from` is in closes: the offset of its quote; the length of the chunk where it
 * goes on in the next one, and more than that where a backslash is the last byte.
 *
 * Four bytes at a time: of a word, a byte less one sets its high bit where the byte was zero, and the
 * lowest bit that is set so is exact.
 */
export function closingQuote(chunk: DataView, from: number): number {
  const length = chunk.byteLength;
  let i = from;
  while (i <= length - 8) {
    const found = marked(chunk.getInt32(i, true));
    const later = marked(chunk.getInt32(i + 4, true));
    if ((found | later) === 0) i += 8;
    else {
      i += found === 0 ? 4 + placeOf(later) : placeOf(found);
      if (chunk.getUint8(i) === QUOTE) return i;
      i += 2;
    }
  }
  while (i < length) {
    const byte = chunk.getUint8(i);
    if (byte === QUOTE) return i;
    i += byte === BACKSLASH ? 2 : 1;
  }
  return i;
}

function marked(word: number): number {
  const quote = word ^ QUOTES;
  const slash = word ^ BACKSLASHES;
  return (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash)) & HIGH_BITS;
}

function placeOf(found: number): number {
  return (31 - Math.clz32(found & -found)) >> 3;
}

export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** Digits, letters, sign and point: numbers, true, false, null. */
export function isLiteralByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x45
  );
}
