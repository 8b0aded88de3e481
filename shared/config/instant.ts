// A point in time, as gateway.yaml and the command line write it.

import { field } from './field.ts';

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/i;
export const INSTANT = 'a UTC date like 2026-12-01, or a time like 2026-12-01T09:00:00Z';

/** Epoch milliseconds; a date is its first instant in UTC. Undefined: neither of the two. */
export function readInstant(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = DATE.test(value) ? `${value}T00:00:00Z` : value;
  if (!RFC_3339.test(text)) return undefined;
  try {
    return Temporal.Instant.from(text).epochMilliseconds;
  } catch {
    // Well-formed, and no such day.
    return undefined;
  }
}

export function instant() {
  return field(INSTANT, readInstant);
}
