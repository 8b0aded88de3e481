// One row of a price book: the rates of a model, and when they hold.

import type { EndpointClass } from './endpoint-class.ts';
import { promptTokens, type Usage } from './usage.ts';

/** Micro-USD per million tokens, one for each meter; per request where it says so. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly cacheRead: number;
  /** Per request. */
  readonly webSearch: number;
}

export interface PriceRow {
  /** What usage events name: the model and what bends it, `claude-haiku-5-5/over-100000/regional`. */
  readonly id: string;
  readonly rates: Rates;
  /** Epoch milliseconds, inclusive; null: since ever. */
  readonly fromMs: number | null;
  /** Epoch milliseconds, exclusive; null: until another row says otherwise. */
  readonly untilMs: number | null;
  /** Only what this provider serves; null: any. */
  readonly provider: string | null;
  /** Only what such an endpoint serves; null: any. */
  readonly endpoint: EndpointClass | null;
  /** Only prompts of more tokens than this, for every token of the request; null: any. */
  readonly aboveTokens: number | null;
  /** Only answers of this speed; null: any. */
  readonly speed: Usage['speed'] | null;
}

/** What a row is chosen by. */
export interface PriceFacts {
  readonly provider: string;
  readonly endpoint: EndpointClass;
  readonly usage: Usage;
  readonly atMs: number;
}

/** The most specific of the rows that hold, or null. `rows` as `bySpecificity` leaves them. */
export function rowFor<R extends PriceRow>(rows: readonly R[], facts: PriceFacts): R | null {
  return rows.find((row) => holds(row, facts)) ?? null;
}

/** Most specific first; of two that differ in time alone the later one. */
export function bySpecificity<R extends PriceRow>(rows: readonly R[]): R[] {
  return rows.toSorted(
    (a, b) =>
      (b.aboveTokens ?? -1) - (a.aboveTokens ?? -1) ||
      rank(b.endpoint) - rank(a.endpoint) ||
      rank(b.speed) - rank(a.speed) ||
      (b.fromMs ?? Number.NEGATIVE_INFINITY) - (a.fromMs ?? Number.NEGATIVE_INFINITY) ||
      0,
  );
}

export function holdsAt(row: Pick<PriceRow, 'fromMs' | 'untilMs'>, atMs: number): boolean {
  return (
    (row.fromMs === null || row.fromMs <= atMs) && (row.untilMs === null || atMs < row.untilMs)
  );
}

function holds(row: PriceRow, { provider, endpoint, usage, atMs }: PriceFacts): boolean {
  return (
    holdsAt(row, atMs) &&
    (row.provider === null || row.provider === provider) &&
    (row.endpoint === null || row.endpoint === endpoint) &&
    (row.aboveTokens === null || promptTokens(usage) > row.aboveTokens) &&
    (row.speed === null || row.speed === usage.speed)
  );
}

function rank(condition: string | null): number {
  return condition === null ? 0 : 1;
}
