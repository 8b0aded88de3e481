// Spend limits as the admin API keeps them → what enforcement needs.

import type { Budget, Cap, CapScope, CapTable } from './cap.ts';
import { fromCents, type MicroUsd } from './money.ts';
import type { Period } from './period.ts';

/** As `SpendLimit` (ports/admin-store.ts). */
export interface LimitRow {
  readonly id: string;
  readonly scope: CapScope;
  readonly period: Period;
  readonly model: string | null;
  readonly amount: string | null;
  readonly pooledBudget: { readonly amount: string; readonly paused: boolean } | null;
}

/** A row is a cap, and beside it a budget where it has one that is not paused. */
export function capTableOf(version: number, rows: readonly LimitRow[]): CapTable {
  return { version, caps: rows.map(capOf), budgets: rows.flatMap(budgetsOf) };
}

function capOf({ id, scope, period, model, amount }: LimitRow): Cap {
  return { id, scope, period, model, amountMicroUsd: amount === null ? null : inMicroUsd(amount) };
}

function budgetsOf({ id, scope, period, pooledBudget }: LimitRow): Budget[] {
  if (pooledBudget === null || pooledBudget.paused || scope.type === 'user') return [];
  return [{ id, scope, period, amountMicroUsd: inMicroUsd(pooledBudget.amount) }];
}

/** Whole cents, as `SpendLimit.amount`. */
export function inMicroUsd(amount: string): MicroUsd {
  return fromCents(BigInt(amount));
}
