import type { z } from 'zod';
import type { PriceOverride } from '../domain/price-override.ts';
import { listOf, millionths, oneOf, section, text, wholeNumber } from './field.ts';
import { instant } from './instant.ts';

/** A price per million tokens in USD, as integer micro-USD: "0.30" → 300 000. */
const rate = () => millionths('USD per million tokens');

const override = section({
  /** An upstream's name. */
  upstream: text(),
  /** The id that is sent there, the one that clients ask for, or any spelling of a built-in model. */
  model: text(),
  input: rate(),
  output: rate(),
  cache_read: rate(),
  cache_write: rate(),
  /** Cache writes that last an hour. Default: as cache_write. */
  cache_write_1h: rate().optional(),
  /** USD per web search. Default 0.01. */
  web_search: millionths('USD per web search').optional(),
  /** The first instant at which the row holds. Default: since ever. */
  from: instant().optional(),
  /** The first instant at which it holds no more. Default: none. */
  until: instant().optional(),
  /** Only what such an endpoint serves. Default: any. */
  endpoint: oneOf('global', 'regional', 'multi_region').optional(),
  /** Only requests whose whole prompt is longer; every token of them. Default: any. */
  above_prompt_tokens: wholeNumber('tokens', 1).optional(),
}).transform(
  (row): PriceOverride => ({
    upstream: row.upstream,
    model: row.model,
    inputMicroUsdPerMTok: row.input,
    outputMicroUsdPerMTok: row.output,
    cacheReadMicroUsdPerMTok: row.cache_read,
    cacheWriteMicroUsdPerMTok: row.cache_write,
    ...given('cacheWrite1hMicroUsdPerMTok', row.cache_write_1h),
    ...given('webSearchMicroUsd', row.web_search),
    ...given('fromMs', row.from),
    ...given('untilMs', row.until),
    ...given('endpoint', row.endpoint),
    ...given('abovePromptTokens', row.above_prompt_tokens),
  }),
);

/** What usage costs, where the price list is not what you pay. */
export const pricingSchema = section({
  /** Factor on every price; below 1 a discount. Default 1. Read as integer millionths. */
  multiplier: millionths('factor on every price').default(1_000_000),
  /** Prices of one model on one upstream, instead of the list's. Default none. */
  overrides: listOf(override, 'a list of prices').default([]),
}).transform(({ multiplier, overrides }) => ({ multiplierMillionths: multiplier, overrides }));

export type PricingConfig = z.output<typeof pricingSchema>;

/** What was left out stays out: a book's version must not change with the options that we add. */
function given<K extends keyof PriceOverride>(key: K, value: PriceOverride[K] | undefined) {
  return (value === undefined ? {} : { [key]: value }) as Partial<Pick<PriceOverride, K>>;
}
