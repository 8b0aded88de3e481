import { userAccount } from '#shared/domain/account.ts';
import { microUsd } from '#shared/domain/money.ts';
import { NO_USAGE, type Usage } from '#shared/domain/usage.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { NOON_MS } from './clock.ts';

export type UsageEventOverrides = Partial<Omit<UsageEvent, 'usage' | 'costMicroUsd'>> & {
  readonly usage?: Partial<Usage>;
  readonly costMicroUsd?: number;
};

let made = 0;

/** A whole usage event with an id of its own; what a test cares about it overrides. */
export function usageEvent(overrides: UsageEventOverrides = {}): UsageEvent {
  made += 1;
  const { usage, costMicroUsd, ...rest } = overrides;
  return {
    version: 1,
    id: usageEventId(made),
    timeMs: NOON_MS,
    sub: 'ada',
    email: 'ada@example.com',
    name: 'Ada Lovelace',
    groups: ['engineering'],
    accounts: [userAccount(rest.sub ?? 'ada')],
    billingGroup: 'engineering',
    sessionId: 'session-1',
    agentId: null,
    clientVersion: '2.1.0',
    requestedModel: 'claude-sonnet-4-5',
    servedModel: 'claude-sonnet-4-5',
    upstream: 'vertex',
    provider: 'vertex',
    region: 'europe-west1',
    usage: { ...NO_USAGE, inputTokens: 1000, outputTokens: 200, ...usage },
    priceBook: '2026-11-01',
    priceRow: 'claude-sonnet-4-5',
    costMicroUsd: microUsd(costMicroUsd ?? 6000),
    status: 200,
    outcome: 'complete',
    estimated: false,
    ttfbMs: 350,
    durationMs: 4200,
    requestId: `req_${made}`,
    upstreamRequestId: null,
    ...rest,
  };
}

/** The nth id: a UUIDv7 in shape, different in every test process. */
export function usageEventId(nth: number): string {
  const process16 = (process.pid % 0x10000).toString(16).padStart(4, '0');
  return `019ab000-0000-7000-8000-${process16}${nth.toString(16).padStart(8, '0')}`;
}
