import type { CapScope } from '#shared/domain/cap.ts';
import type { Actor, CapUpsert, Person } from '#shared/ports/admin-store.ts';
import { NOON_MS } from '../../support/clock.ts';

export const ADA: CapScope = { type: 'user', userId: 'ada' };

/** A monthly cap for all models without a budget. */
export function cap(id: string, scope: CapScope, amount: string | null = '1'): CapUpsert {
  const change = () => ({ amount, pooledBudget: null });
  return { id: `spl_${id}`, scope, period: 'monthly', model: null, change };
}

export function at(afterNoonMs: number): Actor {
  return { actor: 'admin-key:test', reason: null, atMs: NOON_MS + afterNoonMs };
}

export function person(sub: string, afterNoonMs: number): Person {
  return { sub, email: null, name: null, groups: [], lastSeenMs: NOON_MS + afterNoonMs };
}
