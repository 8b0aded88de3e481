// One subscription: claim, handle, settle, until nothing is due. Claims live in memory, one set per
// topic, so that subscriptions of one process share the work and a killed process holds nothing.

import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { SubscribeOptions, Subscription } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { dueMessages, settleBatch } from './embedded-queue.ts';
import { createPace } from './pace.ts';
import { judge, reportVerdicts } from './verdicts.ts';

export interface SubscriptionDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly attemptsMax: number;
  readonly log: Log | undefined;
  /** Ids in work, over all subscriptions of the topic. */
  readonly claimed: Set<string>;
  readonly onClosed: () => void;
}

export interface EmbeddedSubscription extends Subscription {
  /** Something may be due. */
  wake(): void;
}

/** A batch has a price of its own, that of its transactions: what comes within this time shares it. */
const BATCH_EVERY_MS = 50;
const PAUSE_FIRST_MS = 1000;
/** The longest pause that Pub/Sub allows. */
const PAUSE_MAX_MS = 600_000;

export function startSubscription(
  options: SubscribeOptions,
  deps: SubscriptionDeps,
): EmbeddedSubscription {
  const { topic } = options;
  const { log } = deps;
  let isClosed = false;
  let isWanted = false;
  let pumping: Promise<void> | null = null;
  let failure: unknown = null;
  const pace = createPace(BATCH_EVERY_MS);

  async function drain(): Promise<void> {
    failure = null;
    try {
      do {
        await pace();
        isWanted = false;
        while (!isClosed && (await handleNext(options, deps))) {}
      } while (isWanted && !isClosed);
    } catch (caught) {
      // Nothing was acknowledged: the messages are still due, and the next poll tries again.
      failure = caught;
      log?.error('the usage bus cannot reach its queue', { topic, err: AppError.from(caught) });
    } finally {
      // In the same step that found nothing wanted: a wake must never fall between the two.
      pumping = null;
    }
  }

  function wake(): void {
    isWanted = true;
    if (isClosed || pumping !== null) return;
    pumping = drain();
  }

  return {
    wake,
    async idle() {
      if (isClosed)
        throw new AppError('unavailable', 'the subscription is closed; subscribe again');
      do {
        wake();
        await pumping;
        if (failure !== null) throw failure;
      } while (isWanted && !isClosed);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await pumping;
      deps.onClosed();
    },
  };
}

/** One batch from claim to settlement. False: it took all that was due. */
async function handleNext(options: SubscribeOptions, deps: SubscriptionDeps): Promise<boolean> {
  const { topic, batchMax, inFlightMax, handle } = options;
  const { database, clock, claimed } = deps;
  const limit = Math.min(batchMax, inFlightMax);
  const rowsMax = limit + claimed.size;
  const due = await database.run((db) => dueMessages(db, topic, clock.now(), rowsMax));
  const batch = due.filter((delivery) => !claimed.has(delivery.id)).slice(0, limit);
  if (batch.length === 0) return false;
  for (const { id } of batch) claimed.add(id);
  try {
    const verdicts = await judge(batch, handle, deps.attemptsMax);
    const nowMs = clock.now();
    const settlement = {
      acknowledged: verdicts.acknowledged,
      again: verdicts.failed.map(({ delivery }) => ({
        delivery,
        dueAtMs: nowMs + pauseMs(delivery.attempt),
      })),
      dead: verdicts.dead,
    };
    await database.transaction((db) => settleBatch(db, topic, settlement, nowMs));
    reportVerdicts(topic, verdicts, deps.log);
  } finally {
    for (const { id } of batch) claimed.delete(id);
  }
  return due.length === rowsMax;
}

/** Doubles with every attempt. */
function pauseMs(attempt: number): number {
  return Math.min(PAUSE_FIRST_MS * 2 ** (attempt - 1), PAUSE_MAX_MS);
}
