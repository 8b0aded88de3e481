// Claude list prices in micro-USD per million tokens. Source: design/prices.md §6 (Anthropic's
// price pages to 2026-10-24) and the reference gateway 2.1.330 as measured (reference/prices.json).
// A change of any figure is a new version; a change of price over time is a new row with a date.

export const LIST_VERSION = '2026-10-24';

export interface Rates {
  readonly input: number;
  readonly output: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly cacheRead: number;
}

export interface PriceRow {
  /** What usage events name. */
  readonly id: string;
  /** `opus 4.8`: family and version, as `modelKey` reads them from an id. */
  readonly key: string;
  readonly rates: Rates;
  /** Epoch milliseconds, inclusive. */
  readonly fromMs: number;
  /** All rates times this when the answer says `speed: fast`. */
  readonly fastTimes: number;
  /** Above so many prompt tokens every token of the request costs so many times the rate. */
  readonly promptTier: { readonly aboveTokens: number; readonly times: number } | null;
  /** Vertex AI's regional and multi-region endpoints cost 10 % more. */
  readonly regionalPremium: boolean;
}

export const WEB_SEARCH_MICRO_USD = 10_000;

/** In tenths of the rate. */
export const REGIONAL_PREMIUM_TENTHS = 11;

/** For ids that the list cannot place; what the reference charges for them. */
export const UNKNOWN_ROW: PriceRow = row('unknown', 'unknown', rates(5, 25, 6.25, 10, 0.5), {
  regionalPremium: false,
});

const EARLIER = { regionalPremium: false };
const FAST = { fastTimes: 2 };
const FAST_AT_SIX = { fastTimes: 6 };
const HAIKU_TIER = { promptTier: { aboveTokens: 100_000, times: 5 } };
const SONNET_5_5_CHEAPER_READ = instant('2026-10-07T00:00:00Z');

export const PRICE_ROWS: readonly PriceRow[] = [
  row('claude-fable-5-2', 'fable 5.2', rates(8, 40, 10, 16, 0.2), FAST),
  row('claude-mythos-5-2', 'mythos 5.2', rates(8, 40, 10, 16, 0.2), FAST),
  row('claude-fable-5-1', 'fable 5.1', rates(10, 50, 12.5, 20, 0.25)),
  row('claude-mythos-5-1', 'mythos 5.1', rates(10, 50, 12.5, 20, 0.25)),
  row('claude-fable-5', 'fable 5.0', rates(10, 50, 12.5, 20, 1)),
  row('claude-mythos-5', 'mythos 5.0', rates(10, 50, 12.5, 20, 1)),
  row('claude-opus-5-5', 'opus 5.5', rates(4, 20, 5, 8, 0.2), FAST),
  row('claude-opus-5', 'opus 5.0', rates(5, 25, 6.25, 10, 0.5), FAST),
  row('claude-opus-4-8', 'opus 4.8', rates(5, 25, 6.25, 10, 0.5), FAST),
  row('claude-opus-4-7', 'opus 4.7', rates(5, 25, 6.25, 10, 0.5), FAST_AT_SIX),
  row('claude-opus-4-6', 'opus 4.6', rates(5, 25, 6.25, 10, 0.5), FAST_AT_SIX),
  row('claude-opus-4-5', 'opus 4.5', rates(5, 25, 6.25, 10, 0.5)),
  row('claude-opus-4-1', 'opus 4.1', rates(15, 75, 18.75, 30, 1.5), EARLIER),
  row('claude-opus-4', 'opus 4.0', rates(15, 75, 18.75, 30, 1.5), EARLIER),
  row('claude-sonnet-5-5', 'sonnet 5.5', rates(2, 10, 2.5, 4, 0.2)),
  row('claude-sonnet-5-5@2026-10-07', 'sonnet 5.5', rates(2, 10, 2.5, 4, 0.1), {
    fromMs: SONNET_5_5_CHEAPER_READ,
  }),
  row('claude-sonnet-5', 'sonnet 5.0', rates(2, 10, 2.5, 4, 0.2)),
  row('claude-sonnet-4-6', 'sonnet 4.6', rates(3, 15, 3.75, 6, 0.3)),
  row('claude-sonnet-4-5', 'sonnet 4.5', rates(3, 15, 3.75, 6, 0.3)),
  row('claude-sonnet-4', 'sonnet 4.0', rates(3, 15, 3.75, 6, 0.3), EARLIER),
  row('claude-3-7-sonnet', 'sonnet 3.7', rates(3, 15, 3.75, 6, 0.3), EARLIER),
  row('claude-3-5-sonnet', 'sonnet 3.5', rates(3, 15, 3.75, 6, 0.3), EARLIER),
  row('claude-haiku-5-5', 'haiku 5.5', rates(0.1, 0.5, 0.125, 0.2, 0.01), HAIKU_TIER),
  row('claude-haiku-4-5', 'haiku 4.5', rates(1, 5, 1.25, 2, 0.1)),
  row('claude-3-5-haiku', 'haiku 3.5', rates(0.8, 4, 1, 1.6, 0.08), EARLIER),
];

// Family and version, wherever the id stands in a name (`us.anthropic.claude-opus-4-8-v1:0`,
// `my-claude-opus-4-8-deploy`). Digits that are neither a version nor a date make it another model.
const NEW_ID =
  /\bclaude-(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:-(\d{1,2}))?(?![.]?\d)(?!-\d{1,7}(?!\d))/;
const OLD_ID = /\bclaude-(\d)-(\d)-(opus|sonnet|haiku)(?![a-z0-9])/;

/** The `key` that a price row of this model would have, or null when the id names no model. */
export function modelKey(id: string): string | null {
  const text = id.toLowerCase();
  const fresh = NEW_ID.exec(text);
  if (fresh !== null) return `${fresh[1]} ${Number(fresh[2])}.${Number(fresh[3] ?? 0)}`;
  const old = OLD_ID.exec(text);
  return old === null ? null : `${old[3]} ${old[1]}.${old[2]}`;
}

/** From USD as price pages print them, in the order of design/prices.md. */
function rates(
  input: number,
  output: number,
  cacheWrite5m: number,
  cacheWrite1h: number,
  cacheRead: number,
): Rates {
  return {
    input: micro(input),
    output: micro(output),
    cacheWrite5m: micro(cacheWrite5m),
    cacheWrite1h: micro(cacheWrite1h),
    cacheRead: micro(cacheRead),
  };
}

function micro(usd: number): number {
  return Math.round(usd * 1_000_000);
}

function row(id: string, key: string, values: Rates, extra: Partial<PriceRow> = {}): PriceRow {
  return {
    id,
    key,
    rates: values,
    fromMs: 0,
    fastTimes: 1,
    promptTier: null,
    regionalPremium: true,
    ...extra,
  };
}

function instant(text: string): number {
  return Temporal.Instant.from(text).epochMilliseconds;
}
