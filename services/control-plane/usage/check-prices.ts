// What the data plane says an event cost, priced once more by the book of the same version. A difference
// is told and never mended here: the stamped price is the one that the person was blocked or let by.

import { priceQueryOf, unknownModelsOf } from '#shared/domain/event-price.ts';
import type { PriceBook } from '#shared/domain/pricing.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface PriceCheckDeps {
  /** The one of the configuration in force. */
  readonly priceBook: () => PriceBook;
  readonly log: Log;
}

export type PriceCheck = (events: readonly UsageEvent[]) => void;

/** Names of models are the operator's own; this many are not expected, and then they are told again. */
const TOLD_MAX = 1000;

export function createPriceCheck({ priceBook, log }: PriceCheckDeps): PriceCheck {
  const told = new Set<string>();
  return (events) => {
    const book = priceBook();
    for (const event of events) compare(event, book, log);
    for (const { upstream, servedModel, requestedModel } of unknownModelsOf(events)) {
      const key = JSON.stringify([upstream, servedModel]);
      if (told.has(key)) continue;
      if (told.size >= TOLD_MAX) told.clear();
      told.add(key);
      const about = { upstream, model: servedModel, requested_model: requestedModel };
      log.warn('a model has no price and counts at the rate for unknown models', about);
      log.audit('pricing.unknown_model', about);
    }
  };
}

/** The other plane may have read another file: then there is nothing to compare with. */
function compare(event: UsageEvent, book: PriceBook, log: Log): void {
  if (event.priceBook !== book.version) return;
  const query = priceQueryOf(event);
  if (query === null) return;
  const { costMicroUsd, row } = book.price(query);
  if (costMicroUsd === event.costMicroUsd && row === event.priceRow) return;
  const about = {
    event_id: event.id,
    price_book: book.version,
    stamped_micro_usd: event.costMicroUsd,
    stamped_row: event.priceRow,
    recomputed_micro_usd: costMicroUsd,
    recomputed_row: row,
  };
  log.warn('an event costs something else than its data plane says; its word stands', about);
  log.audit('pricing.difference', about);
}
