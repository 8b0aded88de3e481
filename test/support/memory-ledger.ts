// The ledger's port in memory, as far as re-rating needs it.

import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { CostCorrection, Ledger } from '#shared/ports/ledger.ts';

type Rated = Pick<Ledger, 'eventsBetween' | 'corrections' | 'correct'>;

export interface MemoryLedger extends Rated {
  readonly posted: CostCorrection[];
}

export function memoryLedger(events: readonly UsageEvent[], pageMax = 100): MemoryLedger {
  const posted: CostCorrection[] = [];
  const sorted = events.toSorted((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1));
  return {
    posted,
    async eventsBetween(fromMs, toMs, after, limit) {
      const within = sorted.filter(({ timeMs }) => fromMs <= timeMs && timeMs < toMs);
      const start = Number(after ?? 0);
      const end = start + Math.min(limit, pageMax);
      return { rows: within.slice(start, end), next: end < within.length ? String(end) : null };
    },
    async corrections(ids) {
      return posted.filter(({ eventId }) => ids.includes(eventId));
    },
    async correct(corrections) {
      if (corrections.length > 100) throw new RangeError('too many at once');
      const known = (id: string) => posted.some((one) => one.id === id);
      const unknown = corrections.filter(({ eventId }) => !events.some(({ id }) => id === eventId));
      const had = corrections.filter(({ id }) => known(id));
      const fresh = corrections.filter((one) => !had.includes(one) && !unknown.includes(one));
      posted.push(...fresh);
      const idsOf = (list: readonly CostCorrection[]) => list.map(({ id }) => id);
      return { recorded: idsOf(fresh), duplicates: idsOf(had), unknown: idsOf(unknown) };
    },
  };
}
