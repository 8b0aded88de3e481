// What events of the past cost by another book, and the corrections that follow. An event is never
// written again: what it costs is its own amount and all corrections of it.

import { priceQueryOf } from './event-price.ts';
import { add, type MicroUsd, subtract, sum, ZERO } from './money.ts';
import type { PriceBook, Priced } from './pricing.ts';
import type { UsageEvent } from './usage-event.ts';

export interface Rerated {
  readonly event: UsageEvent;
  /** Null: no upstream served it, so it cost nothing and still does. */
  readonly priced: Priced | null;
  /** Earlier corrections included. */
  readonly wasMicroUsd: MicroUsd;
  readonly wouldBeMicroUsd: MicroUsd;
  readonly differenceMicroUsd: MicroUsd;
  /** How many corrections the event has so far. */
  readonly corrections: number;
}

/** `corrections`: the amounts of all corrections of this event. */
export function rerate(
  event: UsageEvent,
  corrections: readonly MicroUsd[],
  book: PriceBook,
): Rerated {
  const query = priceQueryOf(event);
  const priced = query === null ? null : book.price(query);
  const wasMicroUsd = add(event.costMicroUsd, sum(corrections));
  const wouldBeMicroUsd = priced?.costMicroUsd ?? wasMicroUsd;
  const differenceMicroUsd = subtract(wouldBeMicroUsd, wasMicroUsd);
  const count = corrections.length;
  return { event, priced, wasMicroUsd, wouldBeMicroUsd, differenceMicroUsd, corrections: count };
}

export interface Posting {
  readonly postedAtMs: number;
  readonly actor: string;
  readonly reason: string | null;
}

/**
 * The correction that takes an event from what it was to what it would be, or null where nothing
 * changes. Its id is the event's with the place in its row of corrections: of several that are posted
 * at once on the same knowledge, whatever their books, only one can count.
 */
export function correctionOf(rerated: Rerated, posting: Posting) {
  const { event, priced, differenceMicroUsd, corrections } = rerated;
  if (priced === null || differenceMicroUsd === ZERO) return null;
  return {
    id: `${event.id}-${corrections + 1}`,
    eventId: event.id,
    amountMicroUsd: differenceMicroUsd,
    priceBook: priced.book,
    priceRow: priced.row,
    ...posting,
  };
}

export interface RerateLine {
  readonly model: string;
  readonly sub: string;
  readonly email: string | null;
  readonly events: number;
  /** Of `events`: those that would cost something else. */
  readonly changed: number;
  readonly wasMicroUsd: MicroUsd;
  readonly wouldBeMicroUsd: MicroUsd;
}

export interface RerateSum {
  add(rerated: Rerated): void;
  /** One for each model and person, ascending by model, then person. */
  lines(): RerateLine[];
}

export function createRerateSum(): RerateSum {
  const lines = new Map<string, RerateLine>();
  return {
    add({ event, wasMicroUsd, wouldBeMicroUsd, differenceMicroUsd }) {
      const { servedModel: model, sub, email } = event;
      const key = JSON.stringify([model, sub]);
      const line = lines.get(key);
      lines.set(key, {
        ...{ model, sub, email: email ?? line?.email ?? null },
        events: (line?.events ?? 0) + 1,
        changed: (line?.changed ?? 0) + (differenceMicroUsd === ZERO ? 0 : 1),
        wasMicroUsd: add(line?.wasMicroUsd ?? ZERO, wasMicroUsd),
        wouldBeMicroUsd: add(line?.wouldBeMicroUsd ?? ZERO, wouldBeMicroUsd),
      });
    },
    lines: () =>
      [...lines.values()].sort((a, b) => inOrder(a.model, b.model) || inOrder(a.sub, b.sub)),
  };
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
