// The bytes of JSON (RFC 8259) that readers look for without parsing it.

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;

/** So much of a string is looked at byte by byte: most are names, and over by then. */
export const NEAR = 24;

/**
 * Where the string that `from` is in closes: the offset of its quote; the length of the chunk where it
 * goes on in the next one, and more than that where a backslash is the last byte.
 *
 * What is long is text, whose quotes are few: the native search finds the next one at several bytes a
 * nanosecond, and the backslashes in front of it tell whether it closes. After one that does not, bytes
 * again: a text of nothing but quotes must not cost a call for each.
 */
export function closingQuote(chunk: Buffer, from: number): number {
  const { length } = chunk;
  let i = from;
  while (i < length) {
    const near = Math.min(length, i + NEAR);
    while (i < near) {
      const byte = chunk[i]!;
      if (byte === QUOTE) return i;
      i += byte === BACKSLASH ? 2 : 1;
    }
    if (i >= length) return i;
    const quote = chunk.indexOf(QUOTE, i);
    const end = quote < 0 ? length : quote;
    if (isEscaped(chunk, i, end)) i = end + 1;
    else if (quote < 0) return length;
    else return quote;
  }
  return i;
}

/** Whether an odd number of backslashes stands in front of `at`; none that counts stands before `from`. */
function isEscaped(chunk: Buffer, from: number, at: number): boolean {
  let first = at;
  while (first > from && chunk[first - 1] === BACKSLASH) first -= 1;
  return (at - first) % 2 === 1;
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
