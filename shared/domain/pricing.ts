// What an answer cost. Exact: integers until the one rounding per event, half up; BigInts where a product
// may pass 2^53.
// The price follows the id that was sent upstream, never the one that the answer names.

import type { EndpointClass } from './endpoint-class.ts';
import { modelKey } from './model-key.ts';
import { MICRO_USD_MAX, type MicroUsd, microUsd } from './money.ts';
import { LIST_VERSION, type ListRow, PRICE_ROWS, UNKNOWN_ROW } from './price-book.ts';
import { indexOverrides, type PriceOverride } from './price-override.ts';
import { type Rates, rowFor } from './price-row.ts';
import type { Usage } from './usage.ts';

export type { EndpointClass, PriceOverride };

export interface PriceQuery {
  /** Its configured name: the one that served. */
  readonly upstream: string;
  readonly provider: string;
  readonly endpoint: EndpointClass;
  /** The id that was sent. */
  readonly upstreamModel: string;
  /** The id that the client asked for. */
  readonly requestedModel: string;
  readonly usage: Usage;
  /** When the request was admitted: the price of that time. */
  readonly atMs: number;
}

export interface Priced {
  readonly costMicroUsd: MicroUsd;
  /** The price row and what bent it: `claude-haiku-5-5/over-100000/regional`. */
  readonly row: string;
  readonly book: string;
  /** False: no row fits and the unknown-model rate was charged. */
  readonly known: boolean;
  /** Null: the list's price. */
  readonly override: PriceOverride | null;
}

export interface PriceBook {
  /** The list's version; with `+` and a fingerprint where configuration bends it. */
  readonly version: string;
  price(query: PriceQuery): Priced;
}

const PER_MILLION = 1_000_000;
const MILLION = 1_000_000n;
/** Tokens × micro-USD per million, times millionths of the multiplier. */
const UNIT = MILLION * MILLION;

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
      const key = listedKey(query);
      const override = findOverride(query, key);
      const row = override ?? rowFor(ROWS_BY_KEY.get(key) ?? [], query) ?? UNKNOWN_ROW;
      return {
        costMicroUsd: cost(query.usage, row.rates, multiplier),
        row: row.id,
        book: version,
        known: row !== UNKNOWN_ROW,
        override: override?.override ?? null,
      };
    },
  };
}

const ROWS_BY_KEY: ReadonlyMap<string | null, readonly ListRow[]> = Map.groupBy(
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

function cost(usage: Usage, rates: Rates, multiplier: bigint): MicroUsd {
  return (
    (multiplier === MILLION ? listCost(usage, rates) : null) ?? exactCost(usage, rates, multiplier)
  );
}

/** In plain integers; null where one is beyond them, and then so is their sum. */
function listCost(usage: Usage, rates: Rates): MicroUsd | null {
  const tokens =
    usage.inputTokens * rates.input +
    usage.outputTokens * rates.output +
    usage.cacheReadTokens * rates.cacheRead +
    usage.cacheWrite5mTokens * rates.cacheWrite5m +
    usage.cacheWrite1hTokens * rates.cacheWrite1h +
    usage.webSearchRequests * rates.webSearch * PER_MILLION +
    PER_MILLION / 2;
  if (!Number.isSafeInteger(tokens)) return null;
  return microUsd((tokens - (tokens % PER_MILLION)) / PER_MILLION);
}

function exactCost(usage: Usage, rates: Rates, multiplier: bigint): MicroUsd {
  const tokens =
    BigInt(usage.inputTokens) * BigInt(rates.input) +
    BigInt(usage.outputTokens) * BigInt(rates.output) +
    BigInt(usage.cacheReadTokens) * BigInt(rates.cacheRead) +
    BigInt(usage.cacheWrite5mTokens) * BigInt(rates.cacheWrite5m) +
    BigInt(usage.cacheWrite1hTokens) * BigInt(rates.cacheWrite1h);
  const searches = BigInt(usage.webSearchRequests) * BigInt(rates.webSearch) * MILLION;
  const rounded = ((tokens + searches) * multiplier + UNIT / 2n) / UNIT;
  return rounded > BigInt(MICRO_USD_MAX) ? MICRO_USD_MAX : microUsd(Number(rounded));
}

/** FNV-1a: two planes with the same configuration stamp the same version. */
function fingerprint(options: object): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(JSON.stringify(options))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
