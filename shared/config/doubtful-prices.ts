// Models without a price, and prices without a model, at any time that the overrides speak of.

import { BUILTIN_MODELS } from '../domain/builtin-models.ts';
import type { Catalogue, UpstreamRef } from '../domain/catalogue.ts';
import type { EndpointClass } from '../domain/endpoint-class.ts';
import type { PriceOverride } from '../domain/price-override.ts';
import type { PriceBook } from '../domain/pricing.ts';
import { NO_USAGE } from '../domain/usage.ts';

export interface PricedUpstream extends UpstreamRef {
  readonly endpoint: EndpointClass;
}

export interface Prices {
  readonly overrides: readonly PriceOverride[];
  readonly book: PriceBook;
  readonly catalogue: Catalogue;
  readonly upstreams: readonly PricedUpstream[];
}

/** What an upstream is sent, and for whom. */
interface Sent {
  readonly upstream: PricedUpstream;
  readonly requestedModel: string;
  readonly upstreamModel: string;
}

const WITHOUT_END = Temporal.Instant.from('+200000-01-01T00:00:00Z').epochMilliseconds;

/** Why what is sent will be charged at the rate for unknown models, as a sentence; null: it will not. */
export function missingPrice(prices: Prices, sent: Sent): string | null {
  const isKnown = (atMs: number) => priceOf(prices, sent, atMs).known;
  const ends = prices.overrides.flatMap(({ untilMs }) => untilMs ?? []).sort((a, b) => a - b);
  const end = ends.find((atMs) => !isKnown(atMs) && isKnown(atMs - 1));
  if (end === undefined && isKnown(WITHOUT_END)) return null;
  const since = end === undefined ? '' : ` from ${isoSeconds(end)} on`;
  const name = JSON.stringify(sent.upstreamModel);
  const then = 'so it counts at the rate for unknown models; add a row to pricing.overrides.';
  return `${name} has no exact price${since}, ${then}`;
}

/** The places in `overrides` of rows that nothing is priced by. */
export function unusedOverrides(prices: Prices): number[] {
  const named = [...prices.catalogue.list(), ...BUILTIN_MODELS].map(({ id }) => id);
  return prices.overrides.flatMap((override, index) => {
    const upstream = prices.upstreams.find(({ name }) => name === override.upstream);
    if (upstream === undefined) return [];
    const isUsed = [...named, override.model].some((requestedModel) => {
      const upstreamModel = prices.catalogue.upstreamId(requestedModel, upstream);
      if (upstreamModel === null) return false;
      const sent = { upstream, requestedModel, upstreamModel };
      const tokens = (override.abovePromptTokens ?? 0) + 1;
      return instantsWithin(override, prices.overrides).some(
        (atMs) => priceOf(prices, sent, atMs, tokens).override === override,
      );
    });
    return isUsed ? [] : [index];
  });
}

/** Where a row's time begins, and where others begin or end within it. */
function instantsWithin(override: PriceOverride, all: readonly PriceOverride[]): number[] {
  const { fromMs = 0, untilMs = WITHOUT_END } = override;
  const others = all.flatMap((other) => [other.fromMs ?? [], other.untilMs ?? []].flat());
  return [fromMs, ...others.filter((atMs) => fromMs <= atMs && atMs < untilMs)];
}

function priceOf(prices: Prices, sent: Sent, atMs: number, inputTokens = 0) {
  const { name, provider, endpoint } = sent.upstream;
  const { requestedModel, upstreamModel } = sent;
  const place = { upstream: name, provider, endpoint, upstreamModel, requestedModel };
  return prices.book.price({ ...place, usage: { ...NO_USAGE, inputTokens }, atMs });
}

function isoSeconds(atMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toString();
}
