// `usage.v1` on the wire: one JSON object. Whoever writes one answers for its numbers, which JSON would turn
// into null without a word; whoever reads one checks all of it. Changes are additive only, so a field
// that this version does not know is dropped by a reader and never refused.

import { z } from 'zod';
import { type AccountId, userAccount } from '#shared/domain/account.ts';
import { type MicroUsd, microUsd } from '#shared/domain/money.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';

/** More tokens than any model reads or writes: what passes this is a fault, not a count. */
const COUNT_MAX = 1_000_000_000;

/** A person, the models, their group's budget and the organization's are no more. */
const ACCOUNTS_MAX = 16;
const isAccount = /^(?:user:.|pool:.|model:[^:]+:user:.|organization$)/s;

const count = z.int().min(0).max(COUNT_MAX);
const millis = z.int().min(0);
const text = z.string().max(4096);
const nullableText = text.nullable();

const usage = z.object({
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWrite5mTokens: count,
  cacheWrite1hTokens: count,
  webSearchRequests: count,
  webFetchRequests: count,
  codeExecutionRequests: count,
  speed: z.enum(['standard', 'fast']),
});

const accountId = z.custom<AccountId>(
  (value) => typeof value === 'string' && isAccount.test(value),
);

const usageEvent = z.object({
  version: z.literal(1),
  id: z.uuid(),
  timeMs: millis,
  sub: z.string().min(1).max(4096),
  email: nullableText,
  name: nullableText,
  groups: z.array(text).readonly(),
  /** Events of before there were budgets have none: they were charged to the person. */
  accounts: z.array(accountId).min(1).max(ACCOUNTS_MAX).readonly().optional(),
  billingGroup: nullableText,
  sessionId: nullableText,
  agentId: nullableText,
  clientVersion: nullableText,
  requestedModel: text,
  servedModel: text,
  upstream: text,
  provider: text,
  region: nullableText,
  usage,
  priceBook: text,
  priceRow: text,
  costMicroUsd: millis.transform((value): MicroUsd => microUsd(value)),
  status: z.int().min(0).max(999),
  outcome: z.enum(['complete', 'aborted', 'orphaned']),
  estimated: z.boolean(),
  ttfbMs: millis.nullable(),
  durationMs: millis,
  requestId: text,
  upstreamRequestId: nullableText,
});

/**
 * The event of a request that still runs, as one line of JSON. Not checked: nearly every one is replaced
 * by the event of its end, and whoever bills another one reads it as he reads any.
 */
export function encodeDraft(event: UsageEvent): string {
  return JSON.stringify(event);
}

/** The event as one line of JSON. @throws AppError `internal` for a number that cannot be. */
export function encodeUsageEvent(event: UsageEvent): string {
  const { usage, timeMs, costMicroUsd, status, durationMs, ttfbMs } = event;
  if (![timeMs, costMicroUsd, status, durationMs, ttfbMs ?? 0].every(isNatural))
    throw broken(event);
  for (const value of Object.values(usage)) {
    if (typeof value === 'number' && !(isNatural(value) && value <= COUNT_MAX)) throw broken(event);
  }
  return JSON.stringify(event);
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function broken({ id }: UsageEvent): AppError {
  const detail = `a number of usage.v1 event ${id} cannot be`;
  return new AppError('internal', 'internal server error', { detail });
}

/** @throws AppError `invalid_request` whose message names every field that is wrong. */
export function decodeUsageEvent(data: string | Uint8Array): UsageEvent {
  const line = typeof data === 'string' ? data : new TextDecoder().decode(data);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new AppError('invalid_request', 'not a usage.v1 event: not JSON', { cause });
  }
  const checked = usageEvent.safeParse(value);
  if (checked.success) {
    return { ...checked.data, accounts: checked.data.accounts ?? [userAccount(checked.data.sub)] };
  }
  throw new AppError('invalid_request', `not a usage.v1 event: ${faults(checked.error)}`);
}

function faults(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
}
