// One alert to one webhook. A redirect is a failure, as in the specification: the address that was
// configured is the one that gets it. Everything outside 2xx may be mended on the other side and is
// tried again, but 410: the receiver says that it wants no more.

import type { Clock } from '#shared/domain/clock.ts';
import type { AlertType } from '#shared/events/alert-v1.ts';
import { attempt, type Outcome } from '../delivery/attempt.ts';
import { signWebhook } from './webhook-signature.ts';

export interface Webhook {
  /** May hold a secret of the receiver: operators are shown its host alone. */
  readonly url: string;
  /** `whsec_` and base64; the first is the current one. */
  readonly secrets: readonly string[];
  readonly events: readonly AlertType[];
}

/** @param alertId the same at every attempt: the receiver drops what it has */
export type WebhookSender = (webhook: Webhook, alertId: string, body: string) => Promise<Outcome>;

const GONE = 410;

export function createWebhookSender(options: {
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}): WebhookSender {
  const { userAgent, timeoutMs, clock } = options;
  return ({ url, secrets }, id, body) => {
    const timestamp = Math.floor(clock.now() / 1000);
    const post = () =>
      fetch(url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': userAgent,
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signWebhook({ id, timestamp, body }, secrets),
        },
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
    return attempt(post, { timeoutMs, isRetried: (status) => status !== GONE });
  };
}
