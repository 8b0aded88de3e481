/** Rows of one multi-row statement: keeps the parameters far below SQLite's 32 766. */
const CHUNK_ROWS_MAX = 500;

/** Cuts rows into statements of a size that every dialect takes. */
export function* chunked<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += CHUNK_ROWS_MAX) {
    yield rows.slice(start, start + CHUNK_ROWS_MAX);
  }
}

/** By UTF-8 bytes, the order in which the databases sort keys. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
