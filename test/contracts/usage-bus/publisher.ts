import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';

export const PUBLISHER: ChildTask = { module: import.meta.url, export: 'publish' };

/** Publishes one message after the other, five at once, and prints each acknowledged id. */
export const publish: ChildWork<UsageBus> = async (bus, print, prefix, count) => {
  const publishNth = async (nth: number) => {
    const id = `${prefix}-${nth}`;
    await bus.publish('usage.v1', { id, data: Buffer.from(id), attributes: {} });
    print(id);
  };
  for (let nth = 0; nth < Number(count); nth += 5) {
    await Promise.all([0, 1, 2, 3, 4].map((more) => publishNth(nth + more)));
  }
};
