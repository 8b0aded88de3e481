// A subscription whose messages go to somebody else's servers. A batch waits at most
// `batchBudgetMs`. What takes longer goes on beside it and is asked for again when the bus redelivers,
// so a slow destination cannot hold up the others.

import { AppError } from '#shared/errors/app-error.ts';
import type {
  BatchResult,
  Delivery,
  Subscription,
  Topic,
  UsageBus,
} from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';

/** What became of a message: acknowledged, tried again later, or never to be tried again. */
export type Fate =
  | { readonly fate: 'done' }
  | { readonly fate: 'failed' | 'dead'; readonly reason: string };

export interface PatientOptions {
  readonly bus: Pick<UsageBus, 'subscribe'>;
  readonly topic: Topic;
  readonly handle: (delivery: Delivery) => Promise<Fate>;
  readonly log: Log;
  /** What an operator reads when `handle` throws. */
  readonly brokenWords: string;
  readonly batchBudgetMs: number;
}

const BATCH_MAX = 64;
const IN_FLIGHT_MAX = 256;
const REMEMBERED_MAX = 10_000;
const STILL_RUNNING: Fate = { fate: 'failed', reason: 'the destination has not answered yet' };

/** Subscribes at once; disposing waits for deliveries that have begun. */
export function subscribePatiently(options: PatientOptions): Subscription {
  const { bus, topic, handle, batchBudgetMs } = options;
  const running = new Map<string, Promise<Fate>>();

  const handleOne = async (delivery: Delivery): Promise<Fate> => {
    const { id } = delivery;
    const begun = running.get(id) ?? begin(id, handle(delivery));
    const fate = await within(batchBudgetMs, begun);
    if (fate !== STILL_RUNNING) running.delete(id);
    return fate;
  };
  const begin = (id: string, work: Promise<Fate>): Promise<Fate> => {
    const watched = work.catch(unexpected(options)).then((fate) => {
      // A late failure is tried anew by the next redelivery; a late success is remembered for it.
      if (fate.fate === 'failed') running.delete(id);
      return fate;
    });
    running.set(id, watched);
    const [oldest] = running.size > REMEMBERED_MAX ? running.keys() : [];
    if (oldest !== undefined) running.delete(oldest);
    return watched;
  };

  const subscription = bus.subscribe({
    topic,
    batchMax: BATCH_MAX,
    inFlightMax: IN_FLIGHT_MAX,
    handle: async (batch) => {
      const fates = await Promise.all(batch.map(handleOne));
      return resultOf(batch, fates);
    },
  });
  return {
    idle: () => subscription.idle(),
    async [Symbol.asyncDispose]() {
      await subscription[Symbol.asyncDispose]();
      await Promise.allSettled(running.values());
    },
  };
}

/** One message that breaks us must not fail its whole batch. */
function unexpected({ log, brokenWords }: PatientOptions) {
  return (err: unknown): Fate => {
    log.error(brokenWords, { err: AppError.from(err) });
    return { fate: 'failed', reason: 'internal error' };
  };
}

async function within(budgetMs: number, work: Promise<Fate>): Promise<Fate> {
  const { promise: timeUp, resolve } = Promise.withResolvers<Fate>();
  const timer = setTimeout(resolve, budgetMs, STILL_RUNNING);
  try {
    return await Promise.race([work, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

function resultOf(batch: readonly Delivery[], fates: readonly Fate[]): BatchResult {
  const withFate = (wanted: 'failed' | 'dead') =>
    batch.flatMap(({ id }, index) => {
      const fate = fates[index];
      return fate?.fate === wanted ? [{ id, reason: fate.reason }] : [];
    });
  return { failed: withFate('failed'), dead: withFate('dead') };
}
