// The usage-limit headers of an answer that was served, as Claude Code reads them. Pure.

import type { Standing } from '#shared/domain/quota.ts';
import { kindOf, overageScope } from './limit-kind.ts';
import { compareFullness, hundredths, isAbove, resetsAtMs } from './utilisation.ts';

export const PREFIX = 'anthropic-ratelimit-unified-';
/** Hundredths, the highest first. */
const THRESHOLDS = [95, 75];

/**
 * Where the person stood before this request, for a 2xx of /v1/messages: the fullest of the caps and
 * budgets that held for it, among equals the one that resets last. Nothing without any.
 */
export function renderStandingHeaders(
  standings: readonly Standing[],
  nowMs: number,
): Record<string, string> {
  const fullest = pick(standings, (a, b) => compareFullness(a, b) || resetsLater(a, b, nowMs));
  if (fullest === null) return {};
  const { spentMicroUsd, limit } = fullest;
  const surpassed = THRESHOLDS.find((threshold) => isAbove(fullest, threshold));
  const status = surpassed === undefined ? 'allowed' : 'allowed_warning';
  const reset = epochSeconds(resetsAtMs(limit, nowMs));
  return {
    [`${PREFIX}status`]: status,
    [`${PREFIX}reset`]: reset,
    [`${PREFIX}overage-reset`]: reset,
    // Whoever is served has something left, so a rounded 1 is never shown.
    [`${PREFIX}overage-utilization`]: decimal(
      Math.min(99, hundredths(spentMicroUsd, limit.capMicroUsd)),
    ),
    ...(surpassed === undefined
      ? {}
      : { [`${PREFIX}overage-surpassed-threshold`]: decimal(surpassed) }),
    ...scopeHeader(fullest),
    [`${PREFIX}representative-claim`]: 'overage',
    [`${PREFIX}overage-status`]: status,
  };
}

/** Only where it is a budget that others spend too. */
export function scopeHeader({ limit }: Standing): Record<string, string> {
  const scope = overageScope(kindOf(limit));
  return scope === null ? {} : { [`${PREFIX}overage-scope`]: scope };
}

export function pick(
  standings: readonly Standing[],
  compare: (a: Standing, b: Standing) => number,
): Standing | null {
  let best: Standing | null = null;
  for (const standing of standings) {
    if (best === null || compare(standing, best) > 0) best = standing;
  }
  return best;
}

export function resetsLater(a: Standing, b: Standing, nowMs: number): number {
  return resetsAtMs(a.limit, nowMs) - resetsAtMs(b.limit, nowMs);
}

/** `76` → `0.76`, `100` → `1`, `1200` → `12`. */
export function decimal(hundredthsOf: number): string {
  return String(hundredthsOf / 100);
}

export function epochSeconds(atMs: number): string {
  return String(atMs / 1000);
}
