// What is owed for a request that reached an upstream. Pure. Only what an upstream worked for is owed:
// a failed attempt is not, a client that left early is.

import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';
import type { Metered } from './meter.ts';
import { estimateTokens, type TokenBounds } from './token-density.ts';

/**
 * `answered`: the upstream's answer ended by itself. `client_gone`: the client left first, or the
 * gateway cut the stream at its own end. `upstream_died`: the answer broke off.
 */
export type Ending = 'answered' | 'client_gone' | 'upstream_died';

export type Owed =
  | { readonly type: 'nothing' }
  | { readonly type: 'known'; readonly usage: Usage; readonly estimated: boolean }
  /** Nobody counted the prompt: ask the upstream, else bill `usage`, which estimates it. */
  | { readonly type: 'uncounted'; readonly usage: Usage };

export interface BillQuery {
  readonly ending: Ending;
  /** The upstream's, or 0 before its headers. */
  readonly status: number;
  readonly metered: Metered;
  readonly promptBytes: number;
  readonly bounds: TokenBounds;
}

const NOTHING: Owed = { type: 'nothing' };

export function owedFor({ ending, status, metered, promptBytes, bounds }: BillQuery): Owed {
  if (status >= 300 || status === 204) return NOTHING;
  const { usage, isFinal } = metered;
  if (usage !== null && isFinal) return { type: 'known', usage, estimated: false };
  if (usage !== null) {
    const { outputTokens } = estimatedUsage(0, metered.textUnits, bounds);
    return { type: 'known', usage: { ...usage, outputTokens }, estimated: true };
  }
  if (!metered.started && (ending === 'upstream_died' || metered.errorType !== null))
    return NOTHING;
  return { type: 'uncounted', usage: estimatedUsage(promptBytes, metered.textUnits, bounds) };
}

/** Four bytes of a prompt are a token, and four units of an answer; never more than there can be. */
export function estimatedUsage(promptBytes: number, textUnits: number, bounds: TokenBounds): Usage {
  return {
    ...NO_USAGE,
    inputTokens: Math.min(estimateTokens(promptBytes), bounds.prompt),
    outputTokens: Math.min(estimateTokens(textUnits), bounds.answer),
  };
}
