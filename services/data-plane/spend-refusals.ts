// The refusals of the spend step, as Claude Code reads them. Pure. Without `representative-claim` the
// client shows the message as it is, so the message says what is spent, until when and what to do.

import type { Admission, Standing } from '#shared/domain/quota.ts';
import { kindOf, type LimitKind, nameOf } from './limit-kind.ts';
import { decimal, epochSeconds, PREFIX, pick, resetsLater, scopeHeader } from './usage-headers.ts';
import { hundredths, resetsAtMs } from './utilisation.ts';

const SEPARATOR = ' · ';

export interface Refusal {
  readonly status: 429;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly type: 'error';
    readonly request_id?: string;
    readonly error: { readonly type: string; readonly message: string };
  };
}

/** The limit that stopped a request: of those reached, the one that is told of. For the audit line. */
export interface Blocked extends Refusal {
  readonly breach: Standing;
}

/** What is told first: what holds for the person alone and for every model of theirs. */
const RANKS: Readonly<Record<LimitKind['type'], number>> = {
  own: 3,
  organization: 2,
  group: 1,
  model: 0,
};

/** A limit is spent: of several of a kind, the one that resets last is named. */
export function renderBlocked(
  admission: Extract<Admission, { outcome: 'blocked' }>,
  { nowMs, blockedMessage }: { readonly nowMs: number; readonly blockedMessage: string | null },
): Blocked {
  const breach = pick(
    admission.breached,
    (a, b) => rankOf(a) - rankOf(b) || resetsLater(a, b, nowMs),
  );
  if (breach === null) throw new RangeError('a blocked admission names the caps it breached');
  const { spentMicroUsd, limit } = breach;
  const resetMs = resetsAtMs(limit, nowMs);
  const reset = epochSeconds(resetMs);
  return {
    status: 429,
    headers: {
      [`${PREFIX}status`]: 'rejected',
      [`${PREFIX}reset`]: reset,
      [`${PREFIX}overage-reset`]: reset,
      [`${PREFIX}overage-utilization`]: decimal(hundredths(spentMicroUsd, limit.capMicroUsd)),
      [`${PREFIX}overage-surpassed-threshold`]: '1',
      [`${PREFIX}overage-period`]: limit.period,
      ...scopeHeader(breach),
      [`${PREFIX}overage-disabled-reason`]: 'org_spend_cap_reached',
      'retry-after': String(Math.ceil((resetMs - nowMs) / 1000)),
      'x-should-retry': 'false',
    },
    body: billingError([...sentences(breach, resetMs), blockedMessage]),
    breach,
  };
}

/**
 * The limit is not spent but spoken for. Clients come back after one to three seconds, by the instant
 * they asked, so that those refused together do not return together.
 */
export function renderBusy({
  standings,
  nowMs,
  requestId,
}: {
  readonly standings: readonly Standing[];
  readonly nowMs: number;
  readonly requestId: string;
}): Refusal {
  const message =
    `what is left of ${spokenFor(standings)} is reserved by requests still in progress; ` +
    'try again in a few seconds';
  return {
    status: 429,
    headers: { 'retry-after': String(1 + (Math.floor(nowMs) % 3)), 'x-should-retry': 'true' },
    body: { type: 'error', request_id: requestId, error: { type: 'rate_limit_error', message } },
  };
}

/** `fail_closed_on_error`: where the person stands could not be read, so nothing is served. */
export function renderUnavailable({
  blockedMessage,
}: {
  readonly blockedMessage: string | null;
}): Refusal {
  return {
    status: 429,
    headers: { [`${PREFIX}overage-disabled-reason`]: 'fetch_error', 'x-should-retry': 'false' },
    body: billingError(['spend limit unavailable', blockedMessage]),
  };
}

function sentences({ limit }: Standing, resetMs: number): (string | null)[] {
  const kind = kindOf(limit);
  const resets = limit.capMicroUsd === 0 ? null : `resets ${monthAndDay(resetMs, 'short')}`;
  switch (kind.type) {
    case 'own':
      return ['spend limit reached', resets];
    case 'model':
      return [`spend limit for ${kind.model} reached`, resets, 'another model may still work'];
    default:
      return [
        `This request exceeds ${nameOf(kind)}. Ask your organization's admins to raise it, ` +
          `or try again after it resets on ${monthAndDay(resetMs, 'long')} at 00:00 UTC`,
      ];
  }
}

/** Whose money it is that others, or requests of the person's own, may yet spend. */
function spokenFor(standings: readonly Standing[]): string {
  const held = standings.filter(
    ({ limit, spentMicroUsd, reservedMicroUsd }) =>
      reservedMicroUsd > 0 && spentMicroUsd + reservedMicroUsd >= limit.capMicroUsd,
  );
  const told = pick(held, (a, b) => rankOf(a) - rankOf(b));
  return nameOf(told === null ? { type: 'own' } : kindOf(told.limit));
}

function rankOf({ limit }: Standing): number {
  return RANKS[kindOf(limit).type];
}

// Without a request id, as the reference has it: the client shows the message alone.
function billingError(parts: readonly (string | null)[]): Refusal['body'] {
  const message = parts.filter((part) => part !== null && part !== '').join(SEPARATOR);
  return { type: 'error', error: { type: 'billing_error', message } };
}

/** `Dec 1` where it stands in a terminal's status line, `December 1` in a sentence. */
function monthAndDay(atMs: number, month: 'short' | 'long'): string {
  return Temporal.Instant.fromEpochMilliseconds(atMs)
    .toZonedDateTimeISO('UTC')
    .toLocaleString('en-US', { month, day: 'numeric' });
}
