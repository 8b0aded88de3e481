// What a request may cost, before it has cost anything: what is held back from caps and budgets while
// it runs.
//
// `ceiling` is a bound: every byte of the prompt as a token at its dearest input rate, and all of
// max_tokens; where the prompt may bring in more than its bytes, all that the model can read, and every
// search it may make. A cap is passed by less than one request, at the price that few fit at once.
//
// `estimate` is what such a request will likely cost: tokens as answers of the same model and price row
// used them lately (a row is one model in one prompt tier, so that long prompts price no short ones),
// priced by the book for the prompt at hand. Three rules keep it from being wrong in the two directions
// in which peers were (design/users.md, "Test cases"):
// - It knows nothing at first, and then it is careful: some thousand tokens of answer, and of prompt
//   more than the bytes are, since upstreams add to what is sent. So a hundred requests that come at
//   once against a cap of two do not all get through before the first answer has been seen.
// - It stays below the ceiling: max_tokens of 64 000 reserve what answers use, not 64 000.
// - It never takes more than a quarter of the smallest cap or budget that holds. Where nothing is spent
//   four requests may always begin, whatever one of them is taken for. A share of the cap, not of what
//   is left: shares of what is left never add up to it, and would hold nothing.
// So a cap is passed by the requests that fit beside each other, each with what its estimate lacked; a
// hundred of five cents against ten cents, unknown at first, spend twenty (`npm run bench:caps`).

import type { Charge } from '#shared/domain/cap.ts';
import type { Provider } from '#shared/domain/catalogue.ts';
import { add, type MicroUsd, microUsd, ZERO } from '#shared/domain/money.ts';
import type { EndpointClass, PriceBook } from '#shared/domain/pricing.ts';
import type { Limit } from '#shared/domain/quota.ts';
import { NO_USAGE, promptTokens, type Usage } from '#shared/domain/usage.ts';
import type { PromptReach } from './prompt-reach.ts';
import { likelyTokens, type TokenBounds } from './token-density.ts';
import { createUsageAverage, type UsageAverage } from './usage-average.ts';

export type ReservationMode = 'none' | 'estimate' | 'ceiling';

/** One place that may serve the request, and how it prices it. */
export interface PricedPlace {
  readonly upstream: string;
  readonly provider: Provider;
  readonly endpoint: EndpointClass;
  readonly upstreamModel: string;
}

export interface ReservationQuery {
  readonly mode: ReservationMode;
  readonly promptBytes: number;
  readonly bounds: TokenBounds;
  /** Asked for in `ceiling` alone: it reads the whole body. */
  readonly reach: () => PromptReach;
  readonly isFast: boolean;
  readonly requestedModel: string;
  readonly places: readonly PricedPlace[];
  readonly book: PriceBook;
  readonly atMs: number;
}

/** What an answer used, and how it was priced. */
export interface Observed {
  readonly requestedModel: string;
  readonly priceRow: string;
  readonly promptBytes: number;
  readonly usage: Usage;
}

export interface Estimator {
  reserve(query: ReservationQuery): MicroUsd;
  observe(observed: Observed): void;
}

interface Quote {
  readonly dearest: MicroUsd;
  /** As the places price it, in their order. */
  readonly rows: readonly string[];
}

/** What an answer is taken to be before any has been seen. */
const FIRST_OUTPUT_TOKENS = 2_000;
/** What upstreams are taken to add to a prompt of which nobody has seen the count. */
const ADDED_TOKENS = 10_000;
/** Of a cap, that an estimate takes at most. */
const SHARES = 4;
const AVERAGES_MAX = 256;

export function createEstimator(): Estimator {
  const averages = new Map<string, UsageAverage>();

  function estimate(query: ReservationQuery): MicroUsd {
    const guess = quote(query, firstGuess(query));
    const known = guess.rows
      .map((row) => averages.get(keyOf(query.requestedModel, row)))
      .find((average) => average !== undefined);
    if (known === undefined) {
      return add(guess.dearest, quote(query, { inputTokens: ADDED_TOKENS }).dearest);
    }
    const scaled = known.scaledTo(query.promptBytes);
    const outputTokens = Math.min(scaled.outputTokens, query.bounds.answer);
    const likely = quote(query, { ...scaled, outputTokens });
    // At the edge of a tier, where the two fall on different sides: the dearer.
    const isSameTier = likely.rows.every((row, at) => row === guess.rows[at]);
    return isSameTier ? likely.dearest : most(likely.dearest, guess.dearest);
  }

  return {
    reserve(query) {
      if (query.mode === 'none') return ZERO;
      if (query.mode === 'ceiling') return ceiling(query, query.reach());
      return least(estimate(query), ceiling(query, { extraTokens: ADDED_TOKENS, webSearches: 0 }));
    },
    observe({ requestedModel, priceRow, promptBytes, usage }) {
      if (promptBytes <= 0 || promptTokens(usage) === 0) return;
      const key = keyOf(requestedModel, priceRow);
      const known = averages.get(key);
      if (known !== undefined) return known.add(promptBytes, usage);
      if (averages.size >= AVERAGES_MAX) averages.delete(averages.keys().next().value ?? '');
      averages.set(key, createUsageAverage(promptBytes, usage));
    },
  };
}

/** What is held back of it, given the limits that it must fit under. */
export function heldBack(
  mode: ReservationMode,
  wanted: MicroUsd,
  { limits, pools }: Pick<Charge, 'limits' | 'pools'>,
): MicroUsd {
  if (mode !== 'estimate') return wanted;
  // Nobody knows yet which pool it will be; the widest is the likeliest.
  const pool = Math.max(...pools.map((one) => tightest(one.limits)));
  const cap = Math.min(tightest(limits), pools.length === 0 ? Number.POSITIVE_INFINITY : pool);
  return cap === Number.POSITIVE_INFINITY
    ? wanted
    : least(wanted, microUsd(Math.max(1, Math.floor(cap / SHARES))));
}

function tightest(limits: readonly Limit[]): number {
  let cap = Number.POSITIVE_INFINITY;
  for (const { capMicroUsd } of limits) if (capMicroUsd < cap) cap = capMicroUsd;
  return cap;
}

function ceiling(query: ReservationQuery, { extraTokens, webSearches }: PromptReach): MicroUsd {
  const { prompt: context, answer: outputTokens } = query.bounds;
  const prompt =
    extraTokens === null ? context : Math.min(context, query.promptBytes + extraTokens);
  const answer = { outputTokens, webSearchRequests: webSearches };
  const kinds = ['inputTokens', 'cacheWrite5mTokens', 'cacheWrite1hTokens'] as const;
  let dearest: MicroUsd = ZERO;
  for (const kind of kinds) {
    dearest = most(dearest, quote(query, { ...answer, [kind]: prompt }).dearest);
  }
  return dearest;
}

function firstGuess({ requestedModel, promptBytes, bounds }: ReservationQuery): Partial<Usage> {
  return {
    inputTokens: likelyTokens(requestedModel, promptBytes),
    outputTokens: Math.min(bounds.answer, FIRST_OUTPUT_TOKENS),
  };
}

function quote(query: ReservationQuery, partial: Partial<Usage>): Quote {
  const usage: Usage = { ...NO_USAGE, ...partial, speed: query.isFast ? 'fast' : 'standard' };
  const { requestedModel, atMs } = query;
  let dearest: MicroUsd = ZERO;
  const rows = query.places.map((place) => {
    const { costMicroUsd, row } = query.book.price({ ...place, requestedModel, usage, atMs });
    dearest = most(dearest, costMicroUsd);
    return row;
  });
  return { dearest, rows };
}

function keyOf(requestedModel: string, row: string): string {
  return `${requestedModel.toLowerCase()} ${row}`;
}

function least(a: MicroUsd, b: MicroUsd): MicroUsd {
  return a < b ? a : b;
}

function most(a: MicroUsd, b: MicroUsd): MicroUsd {
  return a > b ? a : b;
}
