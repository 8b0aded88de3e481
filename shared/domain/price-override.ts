// Prices of the operator's own, in place of the list's.

import { builtinModel } from './builtin-models.ts';
import type { EndpointClass } from './endpoint-class.ts';
import { modelKey } from './model-key.ts';
import { WEB_SEARCH_MICRO_USD } from './price-book.ts';
import { bySpecificity, holdsAt, type PriceFacts, type PriceRow, rowFor } from './price-row.ts';

/**
 * Replaces every rate of a model on one upstream, fast mode and regional premium included. What is
 * left out holds always and everywhere. The model need not be one that the list knows.
 */
export interface PriceOverride {
  readonly upstream: string;
  readonly model: string;
  readonly inputMicroUsdPerMTok: number;
  readonly outputMicroUsdPerMTok: number;
  readonly cacheReadMicroUsdPerMTok: number;
  readonly cacheWriteMicroUsdPerMTok: number;
  /** Default: as the other cache writes. */
  readonly cacheWrite1hMicroUsdPerMTok?: number;
  /** Per request. Default: the list's. */
  readonly webSearchMicroUsd?: number;
  /** Epoch milliseconds, inclusive. */
  readonly fromMs?: number;
  /** Epoch milliseconds, exclusive. */
  readonly untilMs?: number;
  readonly endpoint?: EndpointClass;
  /** Prompts of more tokens than this, for every token of the request. */
  readonly abovePromptTokens?: number;
}

/** The names that an override may have for what was served, and where. */
export interface OverrideQuery extends PriceFacts {
  readonly upstream: string;
  readonly upstreamModel: string;
  readonly requestedModel: string;
}

export interface OverrideRow extends PriceRow {
  readonly override: PriceOverride;
}

/** What usage events name. Two overrides that may both be configured have different names. */
export function overrideId(override: PriceOverride): string {
  const { fromMs, endpoint, abovePromptTokens: above } = override;
  const from =
    fromMs === undefined ? '' : `@${Temporal.Instant.fromEpochMilliseconds(fromMs).toString()}`;
  return [
    `override/${override.upstream}/${override.model}${from}`,
    ...(above === undefined ? [] : [`over-${above}`]),
    ...(endpoint === undefined ? [] : [endpoint.replace('_', '-')]),
  ].join('/');
}

/**
 * Finds the override for what was served, or null: by the exact id that was sent, else by the client's
 * id, else by any spelling of the same built-in (`key` of the listed model).
 */
export function indexOverrides(
  overrides: readonly PriceOverride[],
): (query: OverrideQuery, key: string | null) => OverrideRow | null {
  const rows = overrides.map(overrideRow);
  const byModel = grouped(rows, ({ upstream, model }) => `${upstream} ${model.toLowerCase()}`);
  const byBuiltin = grouped(rows, ({ upstream, model }) => {
    return builtinModel(model) === null ? null : `${upstream} ${modelKey(model)}`;
  });
  if (rows.length === 0) return () => null;
  return (query, key) => {
    const sets = [
      byModel.get(`${query.upstream} ${query.upstreamModel.toLowerCase()}`),
      byModel.get(`${query.upstream} ${query.requestedModel.toLowerCase()}`),
      byBuiltin.get(`${query.upstream} ${key}`),
    ];
    for (const set of sets) {
      const row = set === undefined ? null : rowFor(set, query);
      if (row !== null) return row;
    }
    return null;
  };
}

/**
 * What a client can be told, which knows one price per model: the rows that hold at an instant for
 * prompts of any length, where a model has two (for an endpoint and for all) the fitting one last.
 */
export function simpleOverrides(
  overrides: readonly PriceOverride[],
  atMs: number,
  endpointOf: (upstream: string) => EndpointClass,
): PriceOverride[] {
  return overrides
    .filter(({ upstream, fromMs = null, untilMs = null, endpoint, abovePromptTokens }) => {
      const isHere = endpoint === undefined || endpoint === endpointOf(upstream);
      return isHere && abovePromptTokens === undefined && holdsAt({ fromMs, untilMs }, atMs);
    })
    .toSorted((a, b) => Number(a.endpoint !== undefined) - Number(b.endpoint !== undefined));
}

function overrideRow(override: PriceOverride): OverrideRow {
  const cacheWrite5m = override.cacheWriteMicroUsdPerMTok;
  return {
    override,
    id: overrideId(override),
    rates: {
      input: override.inputMicroUsdPerMTok,
      output: override.outputMicroUsdPerMTok,
      cacheRead: override.cacheReadMicroUsdPerMTok,
      cacheWrite5m,
      cacheWrite1h: override.cacheWrite1hMicroUsdPerMTok ?? cacheWrite5m,
      webSearch: override.webSearchMicroUsd ?? WEB_SEARCH_MICRO_USD,
    },
    fromMs: override.fromMs ?? null,
    untilMs: override.untilMs ?? null,
    provider: null,
    endpoint: override.endpoint ?? null,
    aboveTokens: override.abovePromptTokens ?? null,
    speed: null,
  };
}

function grouped(
  rows: readonly OverrideRow[],
  keyOf: (override: PriceOverride) => string | null,
): ReadonlyMap<string | null, readonly OverrideRow[]> {
  const groups = Map.groupBy(rows, ({ override }) => keyOf(override));
  groups.delete(null);
  return new Map([...groups].map(([key, group]) => [key, bySpecificity(group)]));
}
