import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';

/** Where a page of events by time and id ended. */
export interface EventCursor {
  readonly timeMs: number;
  readonly id: string;
}

export function renderCursor({ timeMs, id }: Pick<UsageEvent, 'timeMs' | 'id'>): string {
  return `${timeMs}:${id}`;
}

/** @throws AppError `invalid_request` for what no page said. */
export function parseCursor(text: string | null): EventCursor | null {
  if (text === null) return null;
  const [, time, id] = /^(\d{1,16}):(.+)$/s.exec(text) ?? [];
  if (time === undefined || id === undefined) {
    throw new AppError('invalid_request', 'this is no place in the list of events');
  }
  return { timeMs: Number(time), id };
}
