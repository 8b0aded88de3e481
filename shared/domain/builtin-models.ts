// The Claude models that the gateway knows without configuration, and how clouds spell them.
// Source: GET /v1/models and the ids sent upstream as captured from the reference gateway 2.1.330
// (2026-11-23); the order is the order of the list. Models that are not listed still resolve.

export interface BuiltinModel {
  /** Anthropic's id: dated for models released before Opus 4.6. */
  readonly id: string;
  readonly family: ModelFamily;
  readonly maxInputTokens: number | null;
  /** Shown by GET /v1/models. */
  readonly listed: boolean;
}

export type ModelFamily = 'opus' | 'sonnet' | 'haiku' | 'fable' | 'mythos';

export const BUILTIN_MODELS: readonly BuiltinModel[] = [
  { id: 'claude-opus-4-6', family: 'opus', maxInputTokens: null, listed: true },
  { id: 'claude-sonnet-4-5-20250929', family: 'sonnet', maxInputTokens: null, listed: true },
  { id: 'claude-haiku-4-5-20251001', family: 'haiku', maxInputTokens: 200_000, listed: true },
  { id: 'claude-fable-5-2', family: 'fable', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-fable-5-1', family: 'fable', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-fable-5', family: 'fable', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-opus-5-5', family: 'opus', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-opus-5', family: 'opus', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-opus-4-8', family: 'opus', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-opus-4-7', family: 'opus', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-opus-4-1-20250805', family: 'opus', maxInputTokens: 200_000, listed: true },
  { id: 'claude-sonnet-5-5', family: 'sonnet', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-sonnet-5', family: 'sonnet', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-sonnet-4-6', family: 'sonnet', maxInputTokens: null, listed: true },
  { id: 'claude-haiku-5-5', family: 'haiku', maxInputTokens: 1_000_000, listed: true },
  { id: 'claude-opus-4-5-20251101', family: 'opus', maxInputTokens: null, listed: false },
  { id: 'claude-opus-4-20250514', family: 'opus', maxInputTokens: null, listed: false },
  { id: 'claude-sonnet-4-20250514', family: 'sonnet', maxInputTokens: null, listed: false },
  { id: 'claude-3-7-sonnet-20250219', family: 'sonnet', maxInputTokens: null, listed: false },
  { id: 'claude-3-5-haiku-20241022', family: 'haiku', maxInputTokens: null, listed: false },
];

const DATED = /^(.*)-(20\d{6})$/;

/** Geographies of Bedrock's cross-region profiles; the empty one is the foundation model itself. */
const BEDROCK_PREFIXES = ['', 'us.', 'eu.', 'apac.', 'jp.', 'au.', 'global.', 'us-gov.'];

/** Bedrock versions dated ids as `-v1:0`; of the undated ones only Opus 4.6 has a version. */
const BEDROCK_VERSIONS: Readonly<Record<string, string>> = { 'claude-opus-4-6': '-v1' };

/** `claude-sonnet-4-5-20250929` → `claude-sonnet-4-5`; an undated id stays. */
export function undatedId(id: string): string {
  return DATED.exec(id)?.[1] ?? id;
}

/** What Google calls a model: `claude-sonnet-4-5@20250929`; an undated id stays. */
export function vertexId(id: string): string {
  const dated = DATED.exec(id);
  return dated === null ? id : `${dated[1]}@${dated[2]}`;
}

/**
 * The cross-region profile that Bedrock has a model under, by the region of the request. Source: the
 * page on inference profiles in the Bedrock user guide, and for `us.` in Canada the reference gateway.
 * Null: no profile stays in that part of the world (`global.` would leave it, so it is never assumed).
 */
export function bedrockPrefix(id: string, region: string): string | null {
  if (region.startsWith('us-gov-')) return 'us-gov.';
  if (region.startsWith('us-') || region.startsWith('ca-')) return 'us.';
  if (region.startsWith('eu-')) return 'eu.';
  if (region.startsWith('ap-') && APAC_MODELS.has(id)) return 'apac.';
  if (JAPAN.has(region)) return 'jp.';
  return AUSTRALIA.has(region) ? 'au.' : null;
}

/** The last models with a profile for all of Asia and the Pacific. */
const APAC_MODELS: ReadonlySet<string> = new Set([
  'claude-sonnet-4-20250514',
  'claude-3-7-sonnet-20250219',
]);
const JAPAN: ReadonlySet<string> = new Set(['ap-northeast-1', 'ap-northeast-3']);
const AUSTRALIA: ReadonlySet<string> = new Set(['ap-southeast-2', 'ap-southeast-4']);

/** What Bedrock calls a built-in model in a region: `eu.anthropic.claude-opus-4-6-v1`. */
export function bedrockId(id: string, region: string): string {
  return `${bedrockPrefix(id, region) ?? ''}${bedrockFoundationId(id)}`;
}

/** The model itself, without a profile: `anthropic.claude-sonnet-4-5-20250929-v1:0`. */
export function bedrockFoundationId(id: string): string {
  return `anthropic.${id}${BEDROCK_VERSIONS[id] ?? (DATED.test(id) ? '-v1:0' : '')}`;
}

/** What Bedrock's Messages endpoint (Mantle) calls it: `anthropic.claude-sonnet-4-5`. */
export function mantleId(id: string): string {
  return `anthropic.${undatedId(id)}`;
}

const BY_SPELLING: ReadonlyMap<string, BuiltinModel> = new Map(
  BUILTIN_MODELS.flatMap((model) => spellingsOf(model.id).map((text) => [text, model] as const)),
);

/** The built-in of a dated, undated, Vertex or Bedrock spelling, in any case; nothing looser. */
export function builtinModel(spelling: string): BuiltinModel | null {
  return BY_SPELLING.get(spelling.toLowerCase()) ?? null;
}

function spellingsOf(id: string): string[] {
  const bedrock = BEDROCK_PREFIXES.map((prefix) => `${prefix}${bedrockFoundationId(id)}`);
  return [id, undatedId(id), vertexId(id), ...bedrock];
}
