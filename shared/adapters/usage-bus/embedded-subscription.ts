// One subscription: claim, handle, settle, until nothing is due. Claims live in memory, one set per
// topic, so that subscriptions of one process share the work and a killed process holds nothing.

import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type {
  BatchResult,
  Delivery,
  SubscribeOptions,
  Subscription,
} from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { dueMessages, type Settlement, settleBatch } from './embedded-queue.ts';

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

  async function drain(): Promise<void> {
    failure = null;
    try {
      do {
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

/** One batch from claim to settlement. False: nothing was due. */
async function handleNext(options: SubscribeOptions, deps: SubscriptionDeps): Promise<boolean> {
  const { topic, batchMax, inFlightMax, handle } = options;
  const { database, clock, claimed } = deps;
  const limit = Math.min(batchMax, inFlightMax);
  const due = await database.run((db) => dueMessages(db, topic, clock.now(), limit + claimed.size));
  const batch = due.filter((delivery) => !claimed.has(delivery.id)).slice(0, limit);
  if (batch.length === 0) return false;
  for (const { id } of batch) claimed.add(id);
  try {
    const result = await outcome(handle, batch);
    const nowMs = clock.now();
    const settlement = sortOut(batch, result, deps.attemptsMax, nowMs);
    await database.transaction((db) => settleBatch(db, topic, settlement, nowMs));
    report(options, settlement, deps.log);
  } finally {
    for (const { id } of batch) claimed.delete(id);
  }
  return true;
}

async function outcome(
  handle: SubscribeOptions['handle'],
  batch: readonly Delivery[],
): Promise<BatchResult> {
  try {
    return await handle(batch);
  } catch (caught) {
    const reason = reasonOf(caught);
    return { failed: batch.map(({ id }) => ({ id, reason })) };
  }
}

function sortOut(
  batch: readonly Delivery[],
  result: BatchResult,
  attemptsMax: number,
  nowMs: number,
): Settlement {
  const hopeless = new Map(result.dead?.map(({ id, reason }) => [id, reason]));
  const failed = new Map(result.failed?.map(({ id, reason }) => [id, reason]));
  const acknowledged: Delivery[] = [];
  const again: Settlement['again'][number][] = [];
  const dead: Settlement['dead'][number][] = [];
  for (const delivery of batch) {
    const reason = hopeless.get(delivery.id) ?? failed.get(delivery.id);
    if (reason === undefined) acknowledged.push(delivery);
    else if (hopeless.has(delivery.id) || delivery.attempt >= attemptsMax) {
      dead.push({ delivery, reason });
    } else again.push({ delivery, dueAtMs: nowMs + pauseMs(delivery.attempt) });
  }
  return { acknowledged, again, dead };
}

/** Doubles with every attempt. */
function pauseMs(attempt: number): number {
  return Math.min(PAUSE_FIRST_MS * 2 ** (attempt - 1), PAUSE_MAX_MS);
}

/** A parser's message quotes what it read, which must not reach a log or a dead letter. */
function reasonOf(caught: unknown): string {
  if (!(caught instanceof Error)) return 'the handler threw something that is not an error';
  return caught instanceof SyntaxError ? caught.name : `${caught.name}: ${caught.message}`;
}

function report(options: SubscribeOptions, settlement: Settlement, log: Log | undefined): void {
  const { topic } = options;
  for (const { delivery, reason } of settlement.dead) {
    log?.error('a message was dead-lettered', {
      topic,
      id: delivery.id,
      attempts: delivery.attempt,
      reason,
    });
  }
  if (settlement.again.length > 0) {
    log?.warn('messages failed and come again', { topic, messages: settlement.again.length });
  }
}
