// What accounts spent in the current periods. It comes from the quota store, which knows what is not
// in the ledger yet; while that does not answer, from the ledger.

import type { AccountId } from '#shared/domain/account.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { add, type MicroUsd, microUsd, toCentsText, ZERO } from '#shared/domain/money.ts';
import { bucketsAt, type Period } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface SpendDeps {
  readonly ledger: Pick<Ledger, 'spendOf'>;
  readonly quota: Pick<QuotaStore, 'spend'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Zero for an account that was not asked for. */
export type Spent = (account: AccountId, period: Period) => MicroUsd;

const ACCOUNTS_PER_CALL = 500;

export async function readSpend(deps: SpendDeps, accounts: Iterable<AccountId>): Promise<Spent> {
  const { quota, ledger, clock, log } = deps;
  const asked = [...new Set(accounts)];
  const nowMs = clock.now();
  const spent = new Map<AccountId, Readonly<Record<Period, MicroUsd>>>();
  try {
    for (let at = 0; at < asked.length; at += ACCOUNTS_PER_CALL) {
      for (const row of await quota.spend(asked.slice(at, at + ACCOUNTS_PER_CALL), nowMs)) {
        const known = spent.get(row.account) ?? { daily: ZERO, weekly: ZERO, monthly: ZERO };
        const amount = add(row.ledgeredMicroUsd, row.pendingMicroUsd);
        spent.set(row.account, { ...known, [row.period]: amount });
      }
    }
  } catch (caught) {
    const error = AppError.from(caught);
    if (error.code !== 'unavailable') throw error;
    log.warn('spend read from the ledger: the quota store does not answer', {
      detail: error.detail,
    });
    for (const account of asked)
      spent.set(account, await ledger.spendOf(account, bucketsAt(nowMs)));
  }
  return (account, period) => spent.get(account)?.[period] ?? ZERO;
}

/** Cents with up to three decimals, half up: `0.4725` is shown as `0.473`. */
export function milliCents(amount: MicroUsd): string {
  return toCentsText(microUsd(Math.floor((amount + 5) / 10) * 10), 3);
}
