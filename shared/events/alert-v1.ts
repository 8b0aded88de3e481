// `alert.v1` on the wire: one JSON object, checked at both ends; also the body of a webhook and what
// waits in the admin store until it is sent. Changes are additive only. No content of anybody's.

import { z } from 'zod';
import { AppError } from '#shared/errors/app-error.ts';

const text = z.string().max(4096);
const instant = z.iso.datetime();
/** Exact, at most six decimals: "12.5", never a float. */
const usd = z.string().regex(/^\d+(\.\d{1,6})?$/);

const common = {
  version: z.literal(1),
  /** Without full stops: it stands in a webhook's signature. The same however often it is sent. */
  id: z.string().regex(/^alert_[0-9a-f]{32}$/),
  /** When it was raised. */
  timestamp: instant,
};

const scope = z.discriminatedUnion('type', [
  z.object({ type: z.literal('user'), user_id: text }),
  z.object({ type: z.literal('rbac_group'), rbac_group_id: text }),
  z.object({ type: z.literal('organization') }),
]);

/** Who spent: a person (of a cap), or those who share a budget. */
const account = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('user'),
    sub: text,
    email: text.nullable(),
    name: text.nullable(),
  }),
  z.object({ type: z.literal('group'), group: text }),
  z.object({ type: z.literal('organization') }),
]);

const spendThreshold = z.object({
  ...common,
  type: z.literal('spend.threshold'),
  threshold_percent: z.int().min(1),
  limit: z.object({
    /** Of the spend limit. */
    id: text,
    kind: z.enum(['cap', 'budget']),
    scope,
    period: z.enum(['daily', 'weekly', 'monthly']),
    /** `2026-11-24`, `2026-W48`, `2026-11`. */
    bucket: text,
    model: text.nullable(),
    amount_usd: usd,
  }),
  account,
  spent_usd: usd,
  resets_at: instant,
});

/** A model that no price row fits: it is charged at the unknown-model rate. Once per model and day. */
const unknownModel = z.object({
  ...common,
  type: z.literal('pricing.unknown_model'),
  model: text,
  requested_model: text,
  upstream: text,
  price_book: text,
  day: text,
});

const alert = z.discriminatedUnion('type', [spendThreshold, unknownModel]);

export type AlertEvent = z.output<typeof alert>;
export type SpendThresholdAlert = z.output<typeof spendThreshold>;
export type UnknownModelAlert = z.output<typeof unknownModel>;
export type AlertType = AlertEvent['type'];

/** The alert as one line of JSON. @throws AppError `internal` for one that breaks its own rules. */
export function encodeAlert(event: AlertEvent): string {
  const checked = alert.safeParse(event);
  if (checked.success) return JSON.stringify(checked.data);
  throw new AppError('internal', 'internal server error', {
    detail: `not an alert.v1: ${faults(checked.error)}`,
  });
}

/** @throws AppError `invalid_request` whose message names every field that is wrong. */
export function decodeAlert(data: string | Uint8Array): AlertEvent {
  let value: unknown;
  try {
    value = JSON.parse(typeof data === 'string' ? data : new TextDecoder().decode(data));
  } catch (cause) {
    throw new AppError('invalid_request', 'not an alert.v1: not JSON', { cause });
  }
  const checked = alert.safeParse(value);
  if (checked.success) return checked.data;
  throw new AppError('invalid_request', `not an alert.v1: ${faults(checked.error)}`);
}

function faults(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
}
