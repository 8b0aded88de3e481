// Claude list prices, as data. A change of any figure is a new version; a change of price over time is
// a new entry with a date. Not in it, because neither the reference gateway nor this one charges for
// it: batches (half price), `inference_geo: us` (+10 %), web fetches, code execution.

import { bySpecificity, type PriceRow, type Rates } from './price-row.ts';

export const LIST_VERSION = '2026-10-24';

/** Where the figures are from, in design/prices.md §6's letters. */
export const SOURCES = {
  P: 'https://platform.claude.com/docs/en/about-claude/pricing, as of 2026-08-22 and later',
  M: 'the overview pages of Opus 5.5 and Haiku 5.5 at platform.claude.com, 2026-10',
  R: 're-checks of the price page by claudit (2026-09-23, 2026-10-24) and PromptFuel (2026-10-16)',
  L: 'the reference gateway 2.1.330, measured',
} as const;
type Source = keyof typeof SOURCES;

export const WEB_SEARCH_MICRO_USD = 10_000;

export interface ListRow extends PriceRow {
  /** `opus 4.8`, as `modelKey` reads it from an id. */
  readonly key: string;
  readonly sources: readonly Source[];
}

interface ListEntry {
  readonly id: string;
  readonly key: string;
  readonly rates: Rates;
  readonly sources: readonly Source[];
  readonly fromMs: number | null;
  /** All token rates times this when the answer says `speed: fast`. */
  readonly fastTimes: number;
  /** Above so many prompt tokens every token of the request costs so many times the rate. */
  readonly promptTier: { readonly aboveTokens: number; readonly times: number } | null;
  /** Google's regional and multi-region endpoints cost 10 % more. */
  readonly hasPremium: boolean;
}

const EARLIER = { hasPremium: false };
const FAST = { fastTimes: 2 };
const FAST_AT_SIX = { fastTimes: 6 };
const LONG_PROMPTS = { promptTier: { aboveTokens: 100_000, times: 5 } };
const CHEAPER_READ = { fromMs: Temporal.Instant.from('2026-10-07T00:00:00Z').epochMilliseconds };

// USD per million tokens: input, output, cache write 5 min, cache write 1 h, cache read.
const LIST: readonly ListEntry[] = [
  entry('claude-fable-5-2', 'fable 5.2', rates(8, 40, 10, 16, 0.2), 'L', FAST),
  entry('claude-mythos-5-2', 'mythos 5.2', rates(8, 40, 10, 16, 0.2), 'L', FAST),
  entry('claude-fable-5-1', 'fable 5.1', rates(10, 50, 12.5, 20, 0.25), 'PRL'),
  entry('claude-mythos-5-1', 'mythos 5.1', rates(10, 50, 12.5, 20, 0.25), 'PRL'),
  entry('claude-fable-5', 'fable 5.0', rates(10, 50, 12.5, 20, 1), 'PL'),
  entry('claude-mythos-5', 'mythos 5.0', rates(10, 50, 12.5, 20, 1), 'PL'),
  entry('claude-opus-5-5', 'opus 5.5', rates(4, 20, 5, 8, 0.2), 'MRL', FAST),
  entry('claude-opus-5', 'opus 5.0', rates(5, 25, 6.25, 10, 0.5), 'PL', FAST),
  entry('claude-opus-4-8', 'opus 4.8', rates(5, 25, 6.25, 10, 0.5), 'PL', FAST),
  entry('claude-opus-4-7', 'opus 4.7', rates(5, 25, 6.25, 10, 0.5), 'PL', FAST_AT_SIX),
  entry('claude-opus-4-6', 'opus 4.6', rates(5, 25, 6.25, 10, 0.5), 'PL', FAST_AT_SIX),
  entry('claude-opus-4-5', 'opus 4.5', rates(5, 25, 6.25, 10, 0.5), 'PL'),
  entry('claude-opus-4-1', 'opus 4.1', rates(15, 75, 18.75, 30, 1.5), 'PL', EARLIER),
  entry('claude-opus-4', 'opus 4.0', rates(15, 75, 18.75, 30, 1.5), 'PL', EARLIER),
  entry('claude-sonnet-5-5', 'sonnet 5.5', rates(2, 10, 2.5, 4, 0.2), 'M'),
  entry(
    'claude-sonnet-5-5@2026-10-07',
    'sonnet 5.5',
    rates(2, 10, 2.5, 4, 0.1),
    'RL',
    CHEAPER_READ,
  ),
  entry('claude-sonnet-5', 'sonnet 5.0', rates(2, 10, 2.5, 4, 0.2), 'PL'),
  entry('claude-sonnet-4-6', 'sonnet 4.6', rates(3, 15, 3.75, 6, 0.3), 'PL'),
  entry('claude-sonnet-4-5', 'sonnet 4.5', rates(3, 15, 3.75, 6, 0.3), 'PL'),
  entry('claude-sonnet-4', 'sonnet 4.0', rates(3, 15, 3.75, 6, 0.3), 'PL', EARLIER),
  entry('claude-3-7-sonnet', 'sonnet 3.7', rates(3, 15, 3.75, 6, 0.3), 'PL', EARLIER),
  entry('claude-3-5-sonnet', 'sonnet 3.5', rates(3, 15, 3.75, 6, 0.3), 'PL', EARLIER),
  entry('claude-haiku-5-5', 'haiku 5.5', rates(0.1, 0.5, 0.125, 0.2, 0.01), 'MRL', LONG_PROMPTS),
  entry('claude-haiku-4-5', 'haiku 4.5', rates(1, 5, 1.25, 2, 0.1), 'PL'),
  entry('claude-3-5-haiku', 'haiku 3.5', rates(0.8, 4, 1, 1.6, 0.08), 'PL', EARLIER),
];

/** model × endpoint class × prompt tier × speed × valid from, each with all of its meters. */
export const PRICE_ROWS: readonly ListRow[] = bySpecificity(LIST.flatMap(rowsOf));

/** For ids that the list cannot place; what the reference charges for them. */
export const UNKNOWN_ROW: PriceRow = plainRow(
  entry('unknown', 'unknown', rates(5, 25, 6.25, 10, 0.5), 'L', EARLIER),
);

function rowsOf(listed: ListEntry): ListRow[] {
  const { fastTimes, promptTier, hasPremium } = listed;
  let rows = [plainRow(listed)];
  if (promptTier !== null) {
    const { aboveTokens, times } = promptTier;
    rows = rows.flatMap((row) => [
      row,
      { ...bent(row, `over-${aboveTokens}`, times), aboveTokens },
    ]);
  }
  if (fastTimes !== 1) {
    rows = rows.flatMap((row) => [
      row,
      { ...bent(row, 'fast', fastTimes), speed: 'fast' as const },
    ]);
  }
  if (!hasPremium) return rows;
  return rows.flatMap((row): ListRow[] => [
    row,
    { ...bent(row, 'regional', 1.1), provider: 'vertex', endpoint: 'regional' },
    { ...bent(row, 'multi-region', 1.1), provider: 'vertex', endpoint: 'multi_region' },
  ]);
}

function plainRow({ id, key, rates: values, sources, fromMs }: ListEntry): ListRow {
  const always = { untilMs: null, provider: null, endpoint: null, aboveTokens: null, speed: null };
  return { id, key, rates: values, sources, fromMs, ...always };
}

/** The same model at other rates. No rate has digits that a factor could lose: they stay integers. */
function bent(row: ListRow, what: string, times: number): ListRow {
  const by = (rate: number) => Math.round(rate * times);
  const { input, output, cacheWrite5m, cacheWrite1h, cacheRead, webSearch } = row.rates;
  const bentRates = {
    input: by(input),
    output: by(output),
    cacheWrite5m: by(cacheWrite5m),
    cacheWrite1h: by(cacheWrite1h),
    cacheRead: by(cacheRead),
    webSearch,
  };
  return { ...row, id: `${row.id}/${what}`, rates: bentRates };
}

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
    webSearch: WEB_SEARCH_MICRO_USD,
  };
}

function micro(usd: number): number {
  return Math.round(usd * 1_000_000);
}

function entry(
  id: string,
  key: string,
  values: Rates,
  sources: string,
  extra: Partial<ListEntry> = {},
): ListEntry {
  return {
    id,
    key,
    rates: values,
    sources: [...sources] as Source[],
    fromMs: null,
    fastTimes: 1,
    promptTier: null,
    hasPremium: true,
    ...extra,
  };
}
