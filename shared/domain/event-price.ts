// What a usage event was priced by, read back from the event.

import { endpointClass } from './endpoint-class.ts';
import { UNKNOWN_ROW } from './price-book.ts';
import type { PriceQuery } from './pricing.ts';
import type { UsageEvent } from './usage-event.ts';

/** What the data plane asked its book for this event. Null: no upstream served it, it cost nothing. */
export function priceQueryOf(event: UsageEvent): PriceQuery | null {
  if (event.upstream === '') return null;
  return {
    upstream: event.upstream,
    provider: event.provider,
    endpoint: endpointClass(event.region),
    upstreamModel: event.servedModel,
    requestedModel: event.requestedModel,
    usage: event.usage,
    atMs: event.timeMs,
  };
}

export interface UnknownModel {
  readonly upstream: string;
  /** The id that was sent there, and that no price row fits. */
  readonly servedModel: string;
  readonly requestedModel: string;
  readonly events: number;
}

/** What was charged at the rate for unknown models; once for each upstream and id, as first seen. */
export function unknownModelsOf(events: Iterable<UsageEvent>): UnknownModel[] {
  const found = new Map<string, UnknownModel>();
  for (const { priceRow, upstream, servedModel, requestedModel } of events) {
    if (priceRow !== UNKNOWN_ROW.id) continue;
    const key = JSON.stringify([upstream, servedModel]);
    const known = found.get(key) ?? { upstream, servedModel, requestedModel, events: 0 };
    found.set(key, { ...known, events: known.events + 1 });
  }
  return [...found.values()];
}
