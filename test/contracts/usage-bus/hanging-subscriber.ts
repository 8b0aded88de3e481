import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';

export const HANGING_SUBSCRIBER: ChildTask = { module: import.meta.url, export: 'hang' };

/** Takes whatever comes, prints its id and never finishes with it. */
export const hang: ChildWork<UsageBus> = async (bus, print) => {
  setInterval(() => {}, 60_000);
  bus.subscribe({
    topic: 'usage.v1',
    batchMax: 100,
    inFlightMax: 100,
    handle: async (batch) => {
      for (const { id } of batch) print(id);
      await new Promise(() => {});
      return {};
    },
  });
  await new Promise(() => {});
};
