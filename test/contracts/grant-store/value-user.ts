import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';
import { NOON_MS } from '../../support/clock.ts';

export const VALUE_USER: ChildTask = { module: import.meta.url, export: 'takeValues' };

/** Uses one value after the other and prints those that it was the first to use. */
export const takeValues: ChildWork<GrantStore> = async (store, print, count) => {
  for (let nth = 0; nth < Number(count); nth += 1) {
    const isFirst = await store.useOnce(`value-${nth}`, NOON_MS + 1000, NOON_MS);
    if (isFirst) print(`value-${nth}`);
  }
};
