// UTC, counted by hand: days, months and weeks from 1970-01-01, a Thursday. Shares nothing with
// shared/domain/period.ts, and knows nothing of time zones.

export type PeriodName = 'daily' | 'weekly' | 'monthly';
export const PERIOD_NAMES: readonly PeriodName[] = ['daily', 'weekly', 'monthly'];

export const DAY = 86_400_000;
const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** Days since 1970-01-01 of the 1st of the month. */
  readonly firstOfMonth: number;
}

const known = new Map<number, CivilDate>();

export function dayNumber(atMs: number): number {
  return Math.floor(atMs / DAY);
}

export function civilDate(days: number): CivilDate {
  const found = known.get(days);
  if (found !== undefined) return found;
  let left = days;
  let year = 1970;
  while (left >= yearLength(year)) {
    left -= yearLength(year);
    year += 1;
  }
  let month = 1;
  while (left >= monthLength(year, month)) {
    left -= monthLength(year, month);
    month += 1;
  }
  const date = { year, month, day: left + 1, firstOfMonth: days - left };
  known.set(days, date);
  return date;
}

export function monthLength(year: number, month: number): number {
  return (MONTHS[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0);
}

/** 0 is Monday. */
export function weekday(days: number): number {
  return (days + 3) % 7;
}

export function bucketName(period: PeriodName, atMs: number): string {
  const days = dayNumber(atMs);
  const { year, month, day } = civilDate(days);
  if (period === 'daily') return `${year}-${two(month)}-${two(day)}`;
  if (period === 'monthly') return `${year}-${two(month)}`;
  // A week belongs to the year of its Thursday.
  const thursday = days - weekday(days) + 3;
  const weekYear = civilDate(thursday).year;
  let newYear = thursday;
  while (civilDate(newYear - 1).year === weekYear) newYear -= 1;
  return `${weekYear}-W${two(Math.floor((thursday - newYear) / 7) + 1)}`;
}

/** When the period of an instant ends. */
export function endOf(period: PeriodName, atMs: number): number {
  const days = dayNumber(atMs);
  if (period === 'daily') return (days + 1) * DAY;
  if (period === 'weekly') return (days - weekday(days) + 7) * DAY;
  const { year, month, firstOfMonth } = civilDate(days);
  return (firstOfMonth + monthLength(year, month)) * DAY;
}

function yearLength(year: number): number {
  return isLeap(year) ? 366 : 365;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
