// `usage` of an answer → Usage. Later reports override earlier ones field by field (message_delta is
// cumulative). A count that no model can have makes the whole report worthless: it is refused, and the
// answer is billed as one without usage.

import type { Usage } from '#shared/domain/usage.ts';

/** The counts as they stand on the wire, before the cache writes are told apart. */
export interface ReportedUsage {
  readonly counts: Readonly<Record<CountName, number | undefined>>;
  readonly isFast: boolean;
}

type CountName = keyof typeof COUNT_PATHS;

const COUNT_PATHS = {
  input: ['input_tokens'],
  output: ['output_tokens'],
  cacheRead: ['cache_read_input_tokens'],
  cacheWrite: ['cache_creation_input_tokens'],
  cacheWrite5m: ['cache_creation', 'ephemeral_5m_input_tokens'],
  cacheWrite1h: ['cache_creation', 'ephemeral_1h_input_tokens'],
  webSearch: ['server_tool_use', 'web_search_requests'],
  webFetch: ['server_tool_use', 'web_fetch_requests'],
  codeExecution: ['server_tool_use', 'code_execution_requests'],
} as const satisfies Record<string, readonly string[]>;

const NAMES = Object.keys(COUNT_PATHS) as CountName[];
/** A hundred times the longest prompt there is. */
const COUNT_MAX = 100_000_000;

/** Null: not a usage object, or one with a count that cannot be. */
export function readReport(value: unknown, earlier: ReportedUsage | null): ReportedUsage | null {
  if (!isObject(value)) return null;
  const counts = {} as Record<CountName, number | undefined>;
  for (const name of NAMES) {
    const found = at(value, COUNT_PATHS[name]);
    if (found !== undefined && found !== null && !isCount(found)) return null;
    counts[name] = isCount(found) ? found : earlier?.counts[name];
  }
  const isFast =
    value['speed'] === undefined ? earlier?.isFast === true : value['speed'] === 'fast';
  return { counts, isFast };
}

export function toUsage({ counts, isFast }: ReportedUsage): Usage {
  const oneHour = counts.cacheWrite1h ?? 0;
  return {
    inputTokens: counts.input ?? 0,
    outputTokens: counts.output ?? 0,
    cacheReadTokens: counts.cacheRead ?? 0,
    // What the total has and the split does not name is a write of the default kind.
    cacheWrite5mTokens: Math.max(counts.cacheWrite5m ?? 0, (counts.cacheWrite ?? 0) - oneHour),
    cacheWrite1hTokens: oneHour,
    webSearchRequests: counts.webSearch ?? 0,
    webFetchRequests: counts.webFetch ?? 0,
    codeExecutionRequests: counts.codeExecution ?? 0,
    speed: isFast ? 'fast' : 'standard',
  };
}

function at(value: Record<string, unknown>, path: readonly string[]): unknown {
  let found: unknown = value;
  for (const key of path) found = isObject(found) ? found[key] : undefined;
  return found;
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_MAX;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
