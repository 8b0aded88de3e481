// What answers of one kind used lately: a small window, so that it follows what people do now.

import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';

export interface UsageAverage {
  /** What a prompt of so many bytes, answered alike, would use. */
  scaledTo(promptBytes: number): Usage;
  add(promptBytes: number, usage: Usage): void;
}

const WINDOW = 8;
/** More output than on average is believed sooner than less: what is held back too little is spent. */
const RISING_WINDOW = 2;

const PROMPT = [
  'inputTokens',
  'cacheReadTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
] as const;
const ANSWER = ['outputTokens', 'webSearchRequests'] as const;

type Counts = Record<(typeof PROMPT)[number] | (typeof ANSWER)[number], number>;

export function createUsageAverage(firstBytes: number, first: Usage): UsageAverage {
  // Bytes and tokens are averaged apart: small prompts, whose tokens are mostly not in their bytes,
  // say little about large ones.
  let bytes = firstBytes;
  const counts: Counts = { ...first };
  return {
    scaledTo(promptBytes) {
      const scaled = { ...NO_USAGE };
      for (const key of PROMPT) scaled[key] = Math.ceil((counts[key] * promptBytes) / bytes);
      for (const key of ANSWER) scaled[key] = Math.round(counts[key]);
      return scaled;
    },
    add(promptBytes, usage) {
      bytes += (promptBytes - bytes) / WINDOW;
      for (const key of PROMPT) counts[key] += (usage[key] - counts[key]) / WINDOW;
      for (const key of ANSWER) {
        const rest = usage[key] - counts[key];
        counts[key] += rest / (rest > 0 ? RISING_WINDOW : WINDOW);
      }
    },
  };
}
