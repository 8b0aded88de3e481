import { modelAccount, ORGANIZATION, poolAccount, userAccount } from '#shared/domain/account.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { NOON_MS } from '../../support/clock.ts';
import { usageEvent } from '../../support/usage-event.ts';

const DAY_MS = 86_400_000;

/** Events with ids and costs that every process computes alike: the nth costs n + 1 micro-USD. */
export function deliveredEvents(first: number, count: number): UsageEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const nth = first + index;
    const sub = `person-${nth % 7}`;
    const own = userAccount(sub);
    return usageEvent({
      id: `019ab000-0000-7000-8000-${nth.toString(16).padStart(12, '0')}`,
      sub,
      accounts: [own, modelAccount('opus', own), poolAccount(`team-${nth % 3}`), ORGANIZATION],
      timeMs: NOON_MS + (nth % 2) * DAY_MS,
      costMicroUsd: nth + 1,
    });
  });
}

export function costOf(events: readonly UsageEvent[]): number {
  return events.reduce((total, event) => total + event.costMicroUsd, 0);
}
