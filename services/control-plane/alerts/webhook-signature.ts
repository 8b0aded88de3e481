// Standard Webhooks 1.0.0, symmetric: HMAC-SHA256 over `id.timestamp.body`. Several secrets give
// several signatures, so that a receiver can change its secret while both hold.

import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

export interface SignedContent {
  /** Without full stops. */
  readonly id: string;
  /** When this attempt is made, epoch seconds. */
  readonly timestamp: number;
  readonly body: string;
}

/** The value of `webhook-signature`. @param secrets `whsec_` and base64 */
export function signWebhook(content: SignedContent, secrets: readonly string[]): string {
  const { id, timestamp, body } = content;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return signatures.join(' ');
}
