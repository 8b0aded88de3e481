// How many tokens a prompt is, before anybody has counted it.

const BYTES_PER_TOKEN = 4;
/** No model writes more at once. */
const ANSWER_TOKENS_MAX = 128_000;
/** No model reads more. */
const PROMPT_TOKENS_MAX = 1_000_000;
/** Claude 4.7 and later count about 30 % more tokens for the same text (prices.md, "Tokenizer"). */
const DENSER_FROM = 407;
const DENSER_TENTHS = 13;
/** `claude-opus-4-7`, `claude-haiku-4-5-20251001`; the numbers of older ids stand in front. */
const VERSION = /(?:opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/;
const OLD = /claude-\d/;

/** The most that one request can have used, whatever its bytes are. */
export interface TokenBounds {
  readonly prompt: number;
  readonly answer: number;
}

/** `maxTokens`: as the request says. `contextTokens`: the longest prompt that the model reads. */
export function tokenBounds(maxTokens: number | null, contextTokens: number | null): TokenBounds {
  const answer = Math.min(maxTokens ?? ANSWER_TOKENS_MAX, 100 * ANSWER_TOKENS_MAX);
  return { prompt: contextTokens ?? PROMPT_TOKENS_MAX, answer };
}

/** As a bill has it, for an answer that nobody counted: four bytes are a token. */
export function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/** As a reservation has it. A model whose version its id does not say counts like the latest. */
export function likelyTokens(model: string, bytes: number): number {
  const tokens = estimateTokens(bytes);
  return isDense(model.toLowerCase()) ? Math.ceil((tokens * DENSER_TENTHS) / 10) : tokens;
}

function isDense(model: string): boolean {
  const version = VERSION.exec(model);
  if (version === null) return !OLD.test(model);
  return Number(version[1]) * 100 + Number(version[2] ?? 0) >= DENSER_FROM;
}
