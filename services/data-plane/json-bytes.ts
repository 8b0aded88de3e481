// The bytes of JSON (RFC 8259) that readers look for without parsing it.

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;

/**
 * Where the string that `from` is in closes: the offset of its quote; the length of the chunk where it
 * goes on in the next one, and more than that where a backslash is the last byte.
 */
export function closingQuote(chunk: Uint8Array, from: number): number {
  const { length } = chunk;
  let i = from;
  while (i < length) {
    const byte = chunk[i]!;
    if (byte === QUOTE) return i;
    i += byte === BACKSLASH ? 2 : 1;
  }
  return i;
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
