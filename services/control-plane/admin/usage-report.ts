// GET /v1/organizations/usage: what was used and what it cost, by whatever finance asks for. It is
// read from the ledger's rollups day by day, or event by event where sessions are asked for: neither
// a year nor a month of a large organization fits in memory.

import type { Clock } from '#shared/domain/clock.ts';
import { type MicroUsd, microUsd, sum, toCentsText } from '#shared/domain/money.ts';
import { boundsAt, bucketsAt } from '#shared/domain/period.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import {
  createUsageSummary,
  isOverlapping,
  type UsageFact,
  type UsageFigures,
} from '#shared/domain/usage-summary.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { parseUsageQuery, renderToken, type UsageQuery } from './usage-report-query.ts';

export interface UsageReportDeps {
  readonly ledger: Pick<Ledger, 'rollups' | 'eventsBetween' | 'corrections'>;
  readonly clock: Clock;
}

const EVENTS_PER_PAGE = 1000;

/** Answers a query with the body of the reply. */
export function createUsageReport(
  deps: UsageReportDeps,
): (search: URLSearchParams) => Promise<object> {
  return async (search) => {
    const query = parseUsageQuery(search, deps.clock.now());
    const summary = createUsageSummary(query);
    const facts = query.by.includes('session') ? eventFacts : rollupFacts;
    for await (const fact of facts(deps, query)) summary.add(fact);
    const { rows, hasMore } = summary.page();
    const last = rows.at(-1);
    return {
      data: rows.map(({ key, figures }) => ({
        ...Object.fromEntries(query.by.map((name, nth) => [name, key[nth]])),
        ...renderFigures(figures),
      })),
      total: renderFigures(summary.total()),
      ...(isOverlapping(query.by, query.filter) ? { overlapping: true } : {}),
      has_more: hasMore,
      next_page: hasMore && last !== undefined ? renderToken(query, last.key) : null,
      currency: 'USD',
      starting_on: query.startingOn,
      ending_on: query.endingOn,
    };
  };
}

async function* rollupFacts(
  { ledger }: UsageReportDeps,
  { startingOn, endingOn }: UsageQuery,
): AsyncGenerator<UsageFact> {
  const end = Temporal.PlainDate.from(endingOn);
  let date = Temporal.PlainDate.from(startingOn);
  for (; Temporal.PlainDate.compare(date, end) <= 0; date = date.add({ days: 1 })) {
    yield* await ledger.rollups(date.toString(), date.toString());
  }
}

async function* eventFacts(
  { ledger }: UsageReportDeps,
  { startingOn, endingOn }: UsageQuery,
): AsyncGenerator<UsageFact> {
  const fromMs = boundsOf(startingOn).startMs;
  const toMs = boundsOf(endingOn).endMs;
  let after: string | null = null;
  do {
    const page = await ledger.eventsBetween(fromMs, toMs, after, EVENTS_PER_PAGE);
    const corrections = await ledger.corrections(page.rows.map(({ id }) => id));
    const byEvent = Map.groupBy(corrections, ({ eventId }) => eventId);
    for (const event of page.rows) {
      const amounts = byEvent.get(event.id)?.map(({ amountMicroUsd }) => amountMicroUsd) ?? [];
      yield factOf(event, sum(amounts));
    }
    after = page.next;
  } while (after !== null);
}

function boundsOf(day: string) {
  return boundsAt('daily', Temporal.PlainDate.from(day).toZonedDateTime('UTC').epochMilliseconds);
}

function factOf(event: UsageEvent, correctionMicroUsd: MicroUsd): UsageFact {
  const { usage } = event;
  return {
    day: bucketsAt(event.timeMs).daily,
    sub: event.sub,
    groups: event.groups,
    billingGroup: event.billingGroup,
    servedModel: event.servedModel,
    upstream: event.upstream,
    sessionId: event.sessionId,
    events: 1,
    estimatedEvents: event.estimated ? 1 : 0,
    inputTokens: usage.inputTokens,
    outputTokens: usage.outputTokens,
    cacheReadTokens: usage.cacheReadTokens,
    cacheWriteTokens: usage.cacheWrite5mTokens + usage.cacheWrite1hTokens,
    costMicroUsd: microUsd(event.costMicroUsd + correctionMicroUsd),
    correctionMicroUsd,
  };
}

function renderFigures(figures: UsageFigures): object {
  return {
    requests: figures.events,
    estimated_requests: figures.estimatedEvents,
    input_tokens: figures.inputTokens,
    output_tokens: figures.outputTokens,
    cache_read_input_tokens: figures.cacheReadTokens,
    cache_creation_input_tokens: figures.cacheWriteTokens,
    amount: toCentsText(figures.costMicroUsd, 4),
    amount_usd: usdText(figures.costMicroUsd),
    corrections_usd: usdText(figures.correctionMicroUsd),
  };
}

/** Dollars as an exact decimal without zeros at its end. */
function usdText(amount: MicroUsd): string {
  const sign = amount < 0 ? '-' : '';
  const digits = String(Math.abs(amount)).padStart(7, '0');
  const fraction = digits.slice(-6).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -6)}${fraction === '' ? '' : `.${fraction}`}`;
}
