// What a body makes of a spend limit. Nothing that it leaves out is lost: a budget stays, and stays
// paused, until a body says otherwise.

import type { CapAmounts, PooledBudget, SpendLimit } from '#shared/ports/admin-store.ts';
import { fault } from './body-fields.ts';
import type { CapBody, PooledBody } from './cap-body.ts';

/** @throws AppError `invalid_request` */
export function changeOf(
  { amount: given, pooledBudget: pooled }: Pick<CapBody, 'amount' | 'pooledBudget'>,
  before: SpendLimit | null,
): CapAmounts {
  const amount = given === undefined ? before?.amount : given;
  if (amount === undefined) throw fault('amount', 'Required');
  const pooledBudget = merged(pooled, before?.pooledBudget ?? null);
  if (pooledBudget?.paused === false && amount === null) {
    throw fault(
      '',
      "A pooled budget that isn't paused needs amount (each member's own limit) on the same spend " +
        'limit. Set amount; it may equal pooled_budget.amount.',
    );
  }
  return { amount, pooledBudget };
}

function merged(given: PooledBody | null, before: PooledBudget | null): PooledBudget | null {
  const amount = given?.amount ?? before?.amount;
  // Paused before it was ever given an amount: there is nothing to pause.
  if (amount === undefined) return null;
  return { amount, paused: given?.paused ?? before?.paused ?? false };
}
