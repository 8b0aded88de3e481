// How many tokens a prompt is, before anybody has counted it.

const BYTES_PER_TOKEN = 4;
/** Claude 4.7 and later count about 30 % more tokens for the same text (prices.md, "Tokenizer"). */
const DENSER_FROM = 407;
const DENSER_TENTHS = 13;
/** `claude-opus-4-7`, `claude-haiku-4-5-20251001`; the numbers of older ids stand in front. */
const VERSION = /(?:opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/;
const OLD = /claude-\d/;

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
