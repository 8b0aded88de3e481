// Periods are UTC: the day from 00:00, the week from Monday, the month from the 1st.

export type Period = 'daily' | 'weekly' | 'monthly';

export const PERIODS: readonly Period[] = ['daily', 'weekly', 'monthly'];

/** Names of the buckets that an instant falls into: `2026-11-24`, `2026-W48`, `2026-11`. */
export type Buckets = Readonly<Record<Period, string>>;

export interface Bounds {
  /** Inclusive, epoch milliseconds. */
  readonly startMs: number;
  /** Exclusive, epoch milliseconds: when the period resets. */
  readonly endMs: number;
}

const DAY_MS = 86_400_000;
let lastDay = Number.NaN;
let lastBuckets: Buckets = { daily: '', weekly: '', monthly: '' };
let lastBoundsDay = Number.NaN;
const lastBounds = new Map<Period, Bounds>();

/** The buckets of an instant. Cached for the day last asked for: the hot path asks for today. */
export function bucketsAt(atMs: number): Buckets {
  const day = Math.floor(atMs / DAY_MS);
  if (day === lastDay) return lastBuckets;
  const date = dateAt(atMs);
  const week = String(date.weekOfYear).padStart(2, '0');
  lastBuckets = {
    daily: date.toString(),
    weekly: `${date.yearOfWeek}-W${week}`,
    monthly: date.toPlainYearMonth().toString(),
  };
  lastDay = day;
  return lastBuckets;
}

/** Start and end of the period that an instant falls into. Cached as the buckets are. */
export function boundsAt(period: Period, atMs: number): Bounds {
  const day = Math.floor(atMs / DAY_MS);
  if (day !== lastBoundsDay) {
    lastBounds.clear();
    lastBoundsDay = day;
  }
  const known = lastBounds.get(period);
  if (known !== undefined) return known;
  const bounds = boundsOf(period, dateAt(atMs));
  lastBounds.set(period, bounds);
  return bounds;
}

function boundsOf(period: Period, date: Temporal.PlainDate): Bounds {
  switch (period) {
    case 'daily':
      return { startMs: startMs(date), endMs: startMs(date.add({ days: 1 })) };
    case 'weekly': {
      const monday = date.subtract({ days: date.dayOfWeek - 1 });
      return { startMs: startMs(monday), endMs: startMs(monday.add({ days: 7 })) };
    }
    case 'monthly': {
      const first = date.with({ day: 1 });
      return { startMs: startMs(first), endMs: startMs(first.add({ months: 1 })) };
    }
  }
}

function dateAt(atMs: number): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO('UTC').toPlainDate();
}

function startMs(date: Temporal.PlainDate): number {
  return date.toZonedDateTime('UTC').epochMilliseconds;
}
