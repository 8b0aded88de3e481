/** What one answer used, as the upstream counted it. All counts are non-negative integers. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly webSearchRequests: number;
  readonly webFetchRequests: number;
  readonly codeExecutionRequests: number;
  /** `usage.speed` of the answer. */
  readonly speed: 'standard' | 'fast';
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  webSearchRequests: 0,
  webFetchRequests: 0,
  codeExecutionRequests: 0,
  speed: 'standard',
};

/** The whole prompt: what prompt-length price tiers look at. */
export function promptTokens(usage: Usage): number {
  return (
    usage.inputTokens + usage.cacheReadTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
  );
}
