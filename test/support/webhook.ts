// A receiver of webhooks as somebody else writes one: checks the signature by the Standard Webhooks
// specification before it believes anything.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { type AlertEvent, decodeAlert } from '#shared/events/alert-v1.ts';
import type { CollectedExport } from './collector.ts';

export const WEBHOOK_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** Throws where the signature is not that of the secret. */
export function verifiedAlert(
  { headers, raw }: CollectedExport,
  secret: string = WEBHOOK_SECRET,
): AlertEvent {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    String(headers[`webhook-${name}`]),
  );
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(raw);
  assert(signatures?.split(' ').includes(`v1,${expected.digest('base64')}`), 'a wrong signature');
  assert.match(timestamp ?? '', /^\d{10}$/);
  assert.equal(headers['content-type'], 'application/json');
  const alert = decodeAlert(raw);
  assert.equal(alert.id, id);
  return alert;
}
