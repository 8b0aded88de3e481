// Where accounts stand, read out of the rows of the quota store.

import type { AccountId } from '#shared/domain/account.ts';
import { add, type MicroUsd, ZERO } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type { AccountSpend, Limit, Pool, Standing } from '#shared/domain/quota.ts';
import { choosePool, roomWithin } from '#shared/domain/quota-room.ts';

export interface SpendReader {
  spentOf(account: AccountId): Readonly<Record<Period, MicroUsd>>;
  standingsOf(limits: readonly Limit[]): Standing[];
  /** Of the pool that the next request would be charged to; none without pools. */
  standingsOfNext(pools: readonly Pool[]): readonly Standing[];
}

export function spendReader(rows: readonly AccountSpend[]): SpendReader {
  const byKey = new Map(rows.map((row) => [`${row.period} ${row.account}`, row]));

  function spent(account: AccountId, period: Period): MicroUsd {
    const row = byKey.get(`${period} ${account}`);
    return row === undefined ? ZERO : add(row.ledgeredMicroUsd, row.pendingMicroUsd);
  }

  function standingsOf(limits: readonly Limit[]): Standing[] {
    return limits.map((limit) => ({
      limit,
      spentMicroUsd: spent(limit.account, limit.period),
      reservedMicroUsd: byKey.get(`${limit.period} ${limit.account}`)?.reservedMicroUsd ?? ZERO,
    }));
  }

  return {
    spentOf: (account) => ({
      daily: spent(account, 'daily'),
      weekly: spent(account, 'weekly'),
      monthly: spent(account, 'monthly'),
    }),
    standingsOf,
    standingsOfNext(pools) {
      const rooms = pools.map(({ account, limits }) => ({
        account,
        ...roomWithin(standingsOf(limits)),
      }));
      return choosePool(rooms)?.standings ?? [];
    },
  };
}
