// A client that does as it is told: it comes back when the gateway is busy, and gives up when blocked.

import { setTimeout as pause } from 'node:timers/promises';

export interface Decided {
  readonly outcome: 'served' | 'blocked';
  /** How often it was told to come back before that. */
  readonly busyAnswers: number;
}

const TRIES_MAX = 100;
const BODY = JSON.stringify({
  model: 'claude-opus-4-8',
  max_tokens: 2_048,
  stream: true,
  messages: [{ role: 'user', content: 'hello' }],
});

/** @throws Error for an answer that is neither a success nor a well-formed refusal. */
export async function askUntilDecided(url: string, token: string): Promise<Decided> {
  for (let busyAnswers = 0; busyAnswers < TRIES_MAX; busyAnswers += 1) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: BODY,
    });
    const text = await response.text();
    if (response.status === 200) return { outcome: 'served', busyAnswers };
    const type = /"error":\{"type":"(\w+)"/.exec(text)?.[1];
    const shouldRetry = response.headers.get('x-should-retry');
    if (response.status === 429 && type === 'billing_error' && shouldRetry === 'false') {
      return { outcome: 'blocked', busyAnswers };
    }
    const afterSeconds = Number(response.headers.get('retry-after'));
    const isBusy = type === 'rate_limit_error' && shouldRetry === 'true' && afterSeconds > 0;
    if (response.status !== 429 || !isBusy) throw new Error(`${response.status}: ${text}`);
    await pause(afterSeconds * 1000);
  }
  throw new Error('still busy: somebody holds what nobody spends');
}
