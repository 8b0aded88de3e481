// What the UsageBus contract needs of an adapter, and its two commonest gestures.

import type { Delivery, Message, Topic, UsageBus } from '#shared/ports/usage-bus.ts';
import { createInbox, type Inbox } from '../../support/inbox.ts';
import type { Instance } from '../../support/instance.ts';

export interface BusInstance extends Instance<UsageBus> {
  /** Makes what failed due again: moves the clock, or nothing where the pause is real and short. */
  passPause(): void;
}

export interface UsageBusHarness {
  readonly name: string;
  open(): Promise<BusInstance>;
  readonly capabilities: {
    readonly attemptsMax: number;
    /** Whether an id that is published while it waits is delivered once for all. */
    readonly deduplicates: boolean;
  };
}

export function message(id: string): Message {
  return { id, data: Buffer.from(`data of ${id}`), attributes: { id } };
}

/** Subscribes and acknowledges everything; the bus's own closing ends the subscription. */
export function collect(
  bus: UsageBus,
  topic: Topic,
  inbox: Inbox<Delivery> = createInbox<Delivery>(),
): Inbox<Delivery> {
  bus.subscribe({
    topic,
    batchMax: 50,
    inFlightMax: 100,
    handle: async (batch) => {
      for (const delivery of batch) inbox.put(delivery);
      return {};
    },
  });
  return inbox;
}
