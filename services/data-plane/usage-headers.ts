// The usage-limit headers and the refusals of the spend step, as Claude Code reads them. Pure.

import type { Admission, Standing } from '#shared/domain/quota.ts';
import { compareFullness, hundredths, isAbove, resetsAtMs } from './utilisation.ts';

const PREFIX = 'anthropic-ratelimit-unified-';
const SEPARATOR = ' · ';
/** Hundredths, the highest first. */
const THRESHOLDS = [95, 75];

export interface Refusal {
  readonly status: 429;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly type: 'error';
    readonly request_id?: string;
    readonly error: { readonly type: string; readonly message: string };
  };
}

/** A cap that stopped a request: the one that resets last of those reached. For the audit line. */
export interface Blocked extends Refusal {
  readonly breach: Standing;
}

/**
 * Where the person stood before this request, for a 2xx of /v1/messages: the fullest cap, among
 * equals the one that resets last. Nothing without a cap.
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
    [`${PREFIX}representative-claim`]: 'overage',
    [`${PREFIX}overage-status`]: status,
  };
}

/** A cap is spent: of several, the one that resets last is named. */
export function renderBlocked(
  admission: Extract<Admission, { outcome: 'blocked' }>,
  { nowMs, blockedMessage }: { readonly nowMs: number; readonly blockedMessage: string | null },
): Blocked {
  const breach = pick(admission.breached, (a, b) => resetsLater(a, b, nowMs));
  if (breach === null) throw new RangeError('a blocked admission names the caps it breached');
  const { spentMicroUsd, limit } = breach;
  const resetMs = resetsAtMs(limit, nowMs);
  const reset = epochSeconds(resetMs);
  const resets = limit.capMicroUsd === 0 ? null : `resets ${monthAndDay(resetMs)}`;
  return {
    status: 429,
    headers: {
      [`${PREFIX}status`]: 'rejected',
      [`${PREFIX}reset`]: reset,
      [`${PREFIX}overage-reset`]: reset,
      [`${PREFIX}overage-utilization`]: decimal(hundredths(spentMicroUsd, limit.capMicroUsd)),
      [`${PREFIX}overage-surpassed-threshold`]: '1',
      [`${PREFIX}overage-period`]: limit.period,
      [`${PREFIX}overage-disabled-reason`]: 'org_spend_cap_reached',
      'retry-after': String(Math.ceil((resetMs - nowMs) / 1000)),
      'x-should-retry': 'false',
    },
    body: billingError(['spend limit reached', resets, blockedMessage]),
    breach,
  };
}

/**
 * The cap is not spent but spoken for. Clients come back after one to three seconds, by the instant
 * they asked, so that those refused together do not return together.
 */
export function renderBusy({
  nowMs,
  requestId,
}: {
  readonly nowMs: number;
  readonly requestId?: string;
}): Refusal {
  return {
    status: 429,
    headers: { 'retry-after': String(1 + (Math.floor(nowMs) % 3)), 'x-should-retry': 'true' },
    body: {
      type: 'error',
      ...(requestId === undefined ? {} : { request_id: requestId }),
      error: {
        type: 'rate_limit_error',
        message:
          'what is left of your spend limit is reserved by requests still in progress; ' +
          'try again in a few seconds',
      },
    },
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

// Without a request id, as the reference has it: the client shows the message alone.
function billingError(parts: readonly (string | null)[]): Refusal['body'] {
  const message = parts.filter((part) => part !== null && part !== '').join(SEPARATOR);
  return { type: 'error', error: { type: 'billing_error', message } };
}

function pick(
  standings: readonly Standing[],
  compare: (a: Standing, b: Standing) => number,
): Standing | null {
  let best: Standing | null = null;
  for (const standing of standings) {
    if (best === null || compare(standing, best) > 0) best = standing;
  }
  return best;
}

function resetsLater(a: Standing, b: Standing, nowMs: number): number {
  return resetsAtMs(a.limit, nowMs) - resetsAtMs(b.limit, nowMs);
}

/** `76` → `0.76`, `100` → `1`, `1200` → `12`. */
function decimal(hundredthsOf: number): string {
  return String(hundredthsOf / 100);
}

function epochSeconds(atMs: number): string {
  return String(atMs / 1000);
}

/** `Dec 1`: short on purpose, it stands in a terminal's status line. */
function monthAndDay(atMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(atMs)
    .toZonedDateTimeISO('UTC')
    .toLocaleString('en-US', { month: 'short', day: 'numeric' });
}
