// What a request may cost, before it has cost anything. `ceiling` is a bound: every byte of the prompt
// as a token at its dearest input rate, and all of max_tokens; where the prompt may bring in more than
// its bytes, all that the model can read, and every search it may make. `estimate` follows what the
// same model cost lately, and never passes the ceiling of the bytes. Averages are integers, a small
// window of recent answers.

import type { Provider } from '#shared/domain/catalogue.ts';
import { type MicroUsd, microUsd, ZERO } from '#shared/domain/money.ts';
import type { EndpointClass, PriceBook } from '#shared/domain/pricing.ts';
import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';
import { NO_REACH, type PromptReach } from './prompt-reach.ts';

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
  readonly maxTokens: number | null;
  /** The longest prompt that the model reads; null: not known. */
  readonly contextTokens: number | null;
  /** Asked for in `ceiling` alone: it reads the whole body. */
  readonly reach: () => PromptReach;
  readonly isFast: boolean;
  readonly requestedModel: string;
  readonly places: readonly PricedPlace[];
  readonly book: PriceBook;
  readonly atMs: number;
}

/** What an answer cost, split at the prompt's end. */
export interface Observed {
  readonly model: string;
  readonly promptBytes: number;
  readonly promptMicroUsd: MicroUsd;
  readonly outputMicroUsd: MicroUsd;
}

export interface Estimator {
  reserve(query: ReservationQuery): MicroUsd;
  observe(observed: Observed): void;
}

interface Average {
  /** Micro-USD for a million bytes of prompt. */
  perMillionBytes: number;
  output: number;
}

export const BYTES_PER_TOKEN = 4;
/** A request without max_tokens is refused upstream; its ceiling is the longest answer there is. */
const MAX_TOKENS_MAX = 128_000;
/** No model reads more. */
const CONTEXT_TOKENS_MAX = 1_000_000;
/** What an answer is taken to be before any has been seen. */
const FIRST_OUTPUT_TOKENS = 1_000;
const WINDOW = 8;
const MODELS_MAX = 256;
const MILLION = 1_000_000;
/** Keeps every product below 2^53. */
const OBSERVED_MAX = 200_000_000;

export function createEstimator(): Estimator {
  const averages = new Map<string, Average>();
  return {
    reserve(query) {
      if (query.mode === 'none') return ZERO;
      if (query.mode === 'ceiling') return ceiling(query, query.reach());
      const most = ceiling(query, NO_REACH);
      const known = averages.get(query.requestedModel);
      const guess = known === undefined ? firstGuess(query) : fromAverage(known, query.promptBytes);
      return guess < most ? guess : most;
    },
    observe({ model, promptBytes, promptMicroUsd, outputMicroUsd }) {
      if (promptBytes <= 0) return;
      const prompt = Math.min(promptMicroUsd, OBSERVED_MAX);
      const perByte = Math.ceil((prompt * MILLION) / promptBytes);
      const perMillionBytes = Math.min(perByte, OBSERVED_MAX);
      const output = Math.min(outputMicroUsd, OBSERVED_MAX);
      const known = averages.get(model);
      if (known === undefined) {
        if (averages.size >= MODELS_MAX) averages.delete(averages.keys().next().value ?? '');
        averages.set(model, { perMillionBytes, output });
        return;
      }
      known.perMillionBytes += Math.trunc((perMillionBytes - known.perMillionBytes) / WINDOW);
      known.output += Math.trunc((output - known.output) / WINDOW);
    },
  };
}

/** The prompt when nobody counted it: four bytes are a token. */
export function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

function ceiling(query: ReservationQuery, { extraTokens, webSearches }: PromptReach): MicroUsd {
  const outputTokens = Math.min(query.maxTokens ?? MAX_TOKENS_MAX, 100 * MAX_TOKENS_MAX);
  const context = query.contextTokens ?? CONTEXT_TOKENS_MAX;
  const prompt =
    extraTokens === null ? context : Math.min(context, query.promptBytes + extraTokens);
  const prompts: Partial<Usage>[] = [
    { inputTokens: prompt },
    { cacheWrite5mTokens: prompt },
    { cacheWrite1hTokens: prompt },
  ];
  return dearest(
    query,
    prompts.map((tokens) => ({ ...tokens, outputTokens, webSearchRequests: webSearches })),
  );
}

function firstGuess(query: ReservationQuery): MicroUsd {
  const inputTokens = estimateTokens(query.promptBytes);
  const outputTokens = Math.min(query.maxTokens ?? FIRST_OUTPUT_TOKENS, FIRST_OUTPUT_TOKENS);
  return dearest(query, [{ inputTokens, outputTokens }]);
}

function fromAverage({ perMillionBytes, output }: Average, promptBytes: number): MicroUsd {
  return microUsd(Math.ceil((perMillionBytes * promptBytes) / MILLION) + output);
}

function dearest(query: ReservationQuery, usages: readonly Partial<Usage>[]): MicroUsd {
  let most: MicroUsd = ZERO;
  for (const place of query.places) {
    for (const partial of usages) {
      const speed = query.isFast ? 'fast' : 'standard';
      const { costMicroUsd } = query.book.price({
        ...place,
        requestedModel: query.requestedModel,
        usage: { ...NO_USAGE, ...partial, speed },
        atMs: query.atMs,
      });
      if (costMicroUsd > most) most = costMicroUsd;
    }
  }
  return most;
}
