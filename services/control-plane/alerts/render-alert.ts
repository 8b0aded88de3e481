// What is known of an alert → how it is told (`alert.v1`) and how it waits in the admin store.

import { createHash } from 'node:crypto';
import type { CapScope } from '#shared/domain/cap.ts';
import { isoTime } from '#shared/domain/clock.ts';
import { MICRO_USD_PER_USD, type MicroUsd } from '#shared/domain/money.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import type { LimitSpend, ReachedThreshold, WatchedLimit } from '#shared/domain/threshold.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { encodeAlert, type SpendThresholdAlert } from '#shared/events/alert-v1.ts';
import type { Alert } from '#shared/ports/admin-store.ts';

/** The person whose account a cap is about. */
export interface Spender {
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
}

/** What waits in the store of an alert that is raised without a word. */
export const UNTOLD = 'null';

/** @param spender of a cap; budgets are of nobody alone */
export function renderThreshold(
  at: LimitSpend,
  reached: ReachedThreshold,
  spender: Spender | null,
  nowMs: number,
): Alert {
  const id = alertId(`spend.threshold ${reached.key}`);
  if (!reached.isTold) return { id, atMs: nowMs, body: UNTOLD };
  const { limit } = at;
  const body = encodeAlert({
    version: 1,
    id,
    type: 'spend.threshold',
    timestamp: isoTime(nowMs),
    threshold_percent: reached.percent,
    limit: {
      id: limit.id,
      kind: limit.kind,
      scope: renderScope(limit.scope),
      period: limit.period,
      bucket: at.bucket,
      model: limit.model,
      amount_usd: usdText(limit.amountMicroUsd),
    },
    account: renderAccount(limit, spender),
    spent_usd: usdText(at.spentMicroUsd),
    resets_at: isoTime(at.resetsAtMs),
  });
  return { id, atMs: nowMs, body };
}

/** One per model and day, whoever asked for it. */
export function renderUnknownModel(event: UsageEvent, nowMs: number): Alert {
  const day = bucketsAt(event.timeMs).daily;
  const id = alertId(`pricing.unknown_model ${JSON.stringify([event.servedModel, day])}`);
  const body = encodeAlert({
    version: 1,
    id,
    type: 'pricing.unknown_model',
    timestamp: isoTime(nowMs),
    model: event.servedModel,
    requested_model: event.requestedModel,
    upstream: event.upstream,
    price_book: event.priceBook,
    day,
  });
  return { id, atMs: nowMs, body };
}

/** Dollars with at least two and at most six decimals, exact. */
export function usdText(amount: MicroUsd): string {
  const whole = Math.floor(amount / MICRO_USD_PER_USD);
  const fraction = String(amount % MICRO_USD_PER_USD).padStart(6, '0');
  return `${whole}.${fraction.replace(/0{1,4}$/, '')}`;
}

function alertId(key: string): string {
  return `alert_${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}

function renderScope(scope: CapScope): SpendThresholdAlert['limit']['scope'] {
  switch (scope.type) {
    case 'user':
      return { type: scope.type, user_id: scope.userId };
    case 'rbac_group':
      return { type: scope.type, rbac_group_id: scope.rbacGroupId };
    case 'organization':
      return { type: scope.type };
  }
}

function renderAccount(
  { scope }: WatchedLimit,
  spender: Spender | null,
): SpendThresholdAlert['account'] {
  if (spender !== null) {
    const { sub, email, name } = spender;
    return { type: 'user', sub, email, name };
  }
  return scope.type === 'rbac_group'
    ? { type: 'group', group: scope.rbacGroupId }
    : { type: 'organization' };
}
