import type { z } from 'zod';
import { field, listOf, oneOf, oneOrMore, secretText, section, wholeNumber } from './field.ts';

const SECRET_BYTES = { min: 24, max: 64 };

/** As Standard Webhooks has it: `whsec_` and the base64 of 24 to 64 random bytes. */
function isWebhookSecret(value: string): boolean {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(value)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return false;
  const bytes = Buffer.from(encoded, 'base64').length;
  return bytes >= SECRET_BYTES.min && bytes <= SECRET_BYTES.max;
}

/** A query is allowed: many receivers carry their key in it. */
const webhookUrl = field('an https:// URL without user or fragment', (value) => {
  if (typeof value !== 'string' || !/^https?:\/\//i.test(value) || !URL.canParse(value)) {
    return undefined;
  }
  const { username, password, hash } = new URL(value);
  return `${username}${password}${hash}` === '' && !/[#\s]/.test(value) ? value : undefined;
});

const webhook = section({
  /** Where alerts are posted. */
  url: webhookUrl,
  /** Signs what is sent there; a list while the receiver changes its secret, the current one first. */
  secret: oneOrMore(
    secretText('whsec_ and the base64 of 24 to 64 random bytes', 1, isWebhookSecret),
    'a secret, or a list of secrets',
  ),
  /** Which alerts it gets. Default all. */
  events: listOf(
    oneOf('spend.threshold', 'pricing.unknown_model'),
    'a list of alert types',
    1,
  ).default(['spend.threshold', 'pricing.unknown_model']),
});

const THRESHOLDS = 'a list of percents';

/** Who is told that a cap or a budget is nearly spent, and when. */
export const alertsSchema = section({
  /** Percents of a cap or a budget; each is told once a period. Default 50, 75, 90, 100. */
  thresholds: listOf(wholeNumber('percent', 1, 1000), THRESHOLDS).default([50, 75, 90, 100]),
  /** Signed as the Standard Webhooks specification says. Default none. */
  webhooks: listOf(webhook, 'a list of webhooks').default([]),
});

export type AlertsConfig = z.output<typeof alertsSchema>;
