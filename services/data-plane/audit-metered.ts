// The cost of a request as a log line, where the operator told billing groups apart: what the reference
// writes. The ledger is the book; this is for those who bill from logs.

import { MICRO_USD_PER_CENT } from '#shared/domain/money.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type BillingTag, tagFields } from './tags.ts';

/** Nothing where no tag has been given that name. */
export function auditMetered(log: Log, event: UsageEvent, tag: BillingTag | null): void {
  if (tag === null) return;
  const { usage } = event;
  const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens;
  log.audit('spend.metered', {
    request_id: event.requestId,
    sub: event.sub,
    model: event.requestedModel,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    ...(usage.cacheReadTokens === 0 ? {} : { cache_read_input_tokens: usage.cacheReadTokens }),
    ...(written === 0 ? {} : { cache_creation_input_tokens: written }),
    cents: event.costMicroUsd / MICRO_USD_PER_CENT,
    ...tagFields(tag),
  });
}
