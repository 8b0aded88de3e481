// What an answer cost. Exact: every amount is a BigInt until the one rounding per event, half up.
// The price follows the id that was sent upstream, never the one that the answer names.

import { builtinModel } from './builtin-models.ts';
import type { Provider } from './catalogue.ts';
import { MICRO_USD_MAX, type MicroUsd, microUsd } from './money.ts';
import {
  LIST_VERSION,
  modelKey,
  PRICE_ROWS,
  type PriceRow,
  type Rates,
  REGIONAL_PREMIUM_TENTHS,
  UNKNOWN_ROW,
  WEB_SEARCH_MICRO_USD,
} from './price-book.ts';
import { promptTokens, type Usage } from './usage.ts';

export type EndpointClass = 'global' | 'regional' | 'multi_region';

export interface PriceQuery {
  /** Its configured name: the one that served. */
  readonly upstream: string;
  readonly provider: Provider;
  readonly endpoint: EndpointClass;
  /** The id that was sent. */
  readonly upstreamModel: string;
  /** The id that the client asked for. */
  readonly requestedModel: string;
  readonly usage: Usage;
  readonly atMs: number;
}

export interface Priced {
  readonly costMicroUsd: MicroUsd;
  /** The price row and what bent it: `claude-haiku-5-5/over-100000/regional`. */
  readonly row: string;
  readonly book: string;
  /** False: no row fits and the unknown-model rate was charged. */
  readonly known: boolean;
}

/** Replaces every rate of a model on one upstream: fast mode, tiers, 1 h cache writes included. */
export interface PriceOverride {
  readonly upstream: string;
  readonly model: string;
  readonly inputMicroUsdPerMTok: number;
  readonly outputMicroUsdPerMTok: number;
  readonly cacheReadMicroUsdPerMTok: number;
  readonly cacheWriteMicroUsdPerMTok: number;
}

export interface PriceBook {
  /** The list's version; with `+` and a fingerprint where configuration bends it. */
  readonly version: string;
  price(query: PriceQuery): Priced;
}

interface Selected {
  readonly rates: Rates;
  readonly times: number;
  readonly tenths: number;
  readonly row: string;
  readonly known: boolean;
}

const MILLION = 1_000_000n;
/** Tokens × micro-USD per million, in tenths, times millionths of the multiplier. */
const UNIT = 10n * MILLION * MILLION;

export function createPriceBook(options: {
  readonly overrides: readonly PriceOverride[];
  readonly multiplierMillionths: number;
}): PriceBook {
  const findOverride = indexOverrides(options.overrides);
  const multiplier = BigInt(options.multiplierMillionths);
  const plain = options.overrides.length === 0 && multiplier === MILLION;
  const version = plain ? LIST_VERSION : `${LIST_VERSION}+${fingerprint(options)}`;
  return {
    version,
    price(query) {
      const selected = findOverride(query) ?? fromList(query);
      return {
        costMicroUsd: cost(query.usage, selected, multiplier),
        row: selected.row,
        book: version,
        known: selected.known,
      };
    },
  };
}

const ROWS_BY_KEY: ReadonlyMap<string, readonly PriceRow[]> = Map.groupBy(
  PRICE_ROWS,
  (row) => row.key,
);

/** The id that was sent, when the list has it, else the client's, else null: unknown. */
function listedKey(query: PriceQuery): string | null {
  for (const model of [query.upstreamModel, query.requestedModel]) {
    const key = modelKey(model);
    if (key !== null && ROWS_BY_KEY.has(key)) return key;
  }
  return null;
}

function fromList(query: PriceQuery): Selected {
  const { usage, atMs } = query;
  const key = listedKey(query);
  const rows = key === null ? undefined : ROWS_BY_KEY.get(key);
  const found = rows?.findLast((row) => row.fromMs <= atMs);
  const row = found ?? UNKNOWN_ROW;
  const tier = row.promptTier;
  const isLong = tier !== null && promptTokens(usage) > tier.aboveTokens;
  const isFast = usage.speed === 'fast' && row.fastTimes !== 1;
  const isRegional =
    query.provider === 'vertex' && query.endpoint !== 'global' && row.regionalPremium;
  return {
    rates: row.rates,
    times: (isLong ? tier.times : 1) * (isFast ? row.fastTimes : 1),
    tenths: isRegional ? REGIONAL_PREMIUM_TENTHS : 10,
    row: [
      row.id,
      ...(isLong ? [`over-${tier.aboveTokens}`] : []),
      ...(isFast ? ['fast'] : []),
      ...(isRegional ? ['regional'] : []),
    ].join('/'),
    known: found !== undefined,
  };
}

function cost(usage: Usage, selected: Selected, multiplier: bigint): MicroUsd {
  const { rates } = selected;
  const tokens =
    BigInt(usage.inputTokens) * BigInt(rates.input) +
    BigInt(usage.outputTokens) * BigInt(rates.output) +
    BigInt(usage.cacheReadTokens) * BigInt(rates.cacheRead) +
    BigInt(usage.cacheWrite5mTokens) * BigInt(rates.cacheWrite5m) +
    BigInt(usage.cacheWrite1hTokens) * BigInt(rates.cacheWrite1h);
  const searches = BigInt(usage.webSearchRequests) * BigInt(WEB_SEARCH_MICRO_USD) * 10n * MILLION;
  const total = (tokens * BigInt(selected.times * selected.tenths) + searches) * multiplier;
  const rounded = (total + UNIT / 2n) / UNIT;
  return rounded > BigInt(MICRO_USD_MAX) ? MICRO_USD_MAX : microUsd(Number(rounded));
}

/** The exact id that was sent, else the client's id, else any spelling of the same built-in. */
function indexOverrides(
  overrides: readonly PriceOverride[],
): (query: PriceQuery) => Selected | null {
  const byModel = new Map<string, Selected>();
  const byBuiltin = new Map<string, Selected>();
  for (const override of overrides) {
    const selected = overrideRow(override);
    addOnce(byModel, `${override.upstream} ${override.model.toLowerCase()}`, selected);
    const key = builtinModel(override.model) === null ? null : modelKey(override.model);
    if (key !== null) addOnce(byBuiltin, `${override.upstream} ${key}`, selected);
  }
  if (overrides.length === 0) return () => null;
  return (query) =>
    byModel.get(`${query.upstream} ${query.upstreamModel.toLowerCase()}`) ??
    byModel.get(`${query.upstream} ${query.requestedModel.toLowerCase()}`) ??
    byBuiltin.get(`${query.upstream} ${listedKey(query)}`) ??
    null;
}

function overrideRow(override: PriceOverride): Selected {
  return {
    rates: {
      input: override.inputMicroUsdPerMTok,
      output: override.outputMicroUsdPerMTok,
      cacheRead: override.cacheReadMicroUsdPerMTok,
      cacheWrite5m: override.cacheWriteMicroUsdPerMTok,
      cacheWrite1h: override.cacheWriteMicroUsdPerMTok,
    },
    times: 1,
    tenths: 10,
    row: `override/${override.upstream}/${override.model}`,
    known: true,
  };
}

function addOnce(map: Map<string, Selected>, key: string, selected: Selected): void {
  if (!map.has(key)) map.set(key, selected);
}

/** FNV-1a: two planes with the same configuration stamp the same version. */
function fingerprint(options: object): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(JSON.stringify(options))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
