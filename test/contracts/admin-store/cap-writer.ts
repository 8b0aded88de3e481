import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';
import { NOON_MS } from '../../support/clock.ts';

export const CAP_WRITER: ChildTask = { module: import.meta.url, export: 'writeCaps' };

/** Changes one person's limit again and again and prints each acknowledged amount. */
export const writeCaps: ChildWork<AdminStore> = async (store, print, userId = '', times) => {
  for (let nth = 1; nth <= Number(times); nth += 1) {
    const { after } = await store.upsertCap(
      {
        ...{ id: `spl_${userId}`, scope: { type: 'user', userId }, period: 'daily', model: null },
        change: () => ({ amount: `${nth}`, pooledBudget: null }),
      },
      { actor: 'admin-key:child', reason: null, atMs: NOON_MS },
    );
    print(after.amount ?? '');
  }
};
