// One subscription: what the streams bring is gathered into batches, handled one batch at a time,
// and acknowledged, returned or dead-lettered. Whoever dies with a batch has its messages delivered
// to somebody else when their deadline passes.

import type { Message } from '@google-cloud/pubsub';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Delivery, SubscribeOptions, Subscription } from '#shared/ports/usage-bus.ts';
import { within } from './pubsub-deadline.ts';
import type { Publisher } from './pubsub-publisher.ts';
import { type ReaderOptions, startReader } from './pubsub-reader.ts';
import { toDeadWire, toDelivery } from './pubsub-wire.ts';
import { type Judged, judge, reportVerdicts } from './verdicts.ts';

export interface SubscriptionDeps
  extends Pick<ReaderOptions, 'pubsub' | 'topology' | 'tuning' | 'log'> {
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly attemptsMax: number;
  readonly onClosed: () => void;
}

interface Held {
  readonly delivery: Delivery;
  readonly message: Message;
}

const COUNTED_MAX = 10_000;
const IDLE_POLL_MS = 50;

export function startSubscription(options: SubscribeOptions, deps: SubscriptionDeps): Subscription {
  const { topic, handle, inFlightMax } = options;
  const { tuning, log, attemptsMax } = deps;
  const limit = Math.min(options.batchMax, inFlightMax);
  const attempts = createAttempts();
  let waiting: Held[] = [];
  let working: Promise<void> | null = null;
  let linger: NodeJS.Timeout | undefined;
  let isClosed = false;
  let heardAtMs = 0;

  function take(message: Message): void {
    heardAtMs = performance.now();
    // Delivered between the wish to close and the end of the stream.
    if (isClosed) {
      message.nack();
      return;
    }
    waiting.push({ message, delivery: toDelivery(received(message), attempts.of(message)) });
    next();
  }

  function next(): void {
    if (working !== null || isClosed || waiting.length === 0) return;
    if (waiting.length >= limit) start();
    else linger ??= setTimeout(start, tuning.batchLingerMs);
  }

  function start(): void {
    clearTimeout(linger);
    linger = undefined;
    const batch = waiting.slice(0, limit);
    waiting = waiting.slice(limit);
    working = work(batch).finally(() => {
      working = null;
      heardAtMs = performance.now();
      next();
    });
  }

  /** Never rejects: what goes wrong with a message sends it round again. */
  async function work(batch: readonly Held[]): Promise<void> {
    // What was published twice is handed over once.
    const held = Map.groupBy(batch, ({ delivery }) => delivery.id);
    const deliveries = [...held.values()].map(([first]) => (first as Held).delivery);
    const each = (id: string, done: (message: Message) => void) => {
      for (const { message } of held.get(id) ?? []) done(message);
    };
    const verdicts = await judge(deliveries, handle, attemptsMax);
    for (const { id } of verdicts.acknowledged) each(id, acknowledge);
    for (const { delivery } of verdicts.failed) each(delivery.id, giveBack);
    await Promise.all(
      verdicts.dead.map(async (judged) => {
        each(judged.delivery.id, (await bury(judged)) ? acknowledge : giveBack);
      }),
    );
    reportVerdicts(topic, verdicts, log);
  }

  function acknowledge(message: Message): void {
    attempts.forget(message);
    message.ack();
  }

  function giveBack(message: Message): void {
    attempts.failed(message);
    message.nack();
  }

  async function bury({ delivery, reason }: Judged): Promise<boolean> {
    try {
      const letter = toDeadWire(delivery, reason, deps.clock.now());
      await deps.publisher.publish(topic, 'dead', letter);
      return true;
    } catch (caught) {
      const err = AppError.from(caught);
      log.error('a dead letter could not be written; it comes again', { topic, err });
      return false;
    }
  }

  const reader = startReader({ ...deps, topic, inFlightMax, onMessage: take });
  return {
    /** Pub/Sub cannot say that nothing waits: resolves when nothing was in work for `quietMs`. */
    async idle() {
      if (isClosed)
        throw new AppError('unavailable', 'the subscription is closed; subscribe again');
      const askedAtMs = performance.now();
      while (!isClosed) {
        await working;
        const sinceMs = Math.max(askedAtMs, heardAtMs, reader.openedAtMs);
        const nowMs = performance.now();
        const isQuiet = nowMs >= sinceMs + tuning.quietMs;
        if (reader.isOpen && isQuiet && waiting.length === 0 && working === null) return;
        const isOver = nowMs >= askedAtMs + tuning.quietMs;
        if (!reader.isOpen && isOver && reader.failure !== null) throw reader.failure;
        const waitMs = Math.min(Math.max(sinceMs + tuning.quietMs - nowMs, 1), IDLE_POLL_MS);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      clearTimeout(linger);
      const closed = reader.close();
      for (const { message } of waiting) message.nack();
      waiting = [];
      await working;
      // All is acknowledged or returned, unless Pub/Sub does not answer: then it comes again.
      await within(tuning.closeWithinMs, closed);
      deps.onClosed();
    },
  };
}

function received(message: Message) {
  const { data, attributes, id, publishTime } = message;
  return { data, attributes, messageId: id, publishedAtMs: publishTime.getTime() };
}

/**
 * How often a message has come. Pub/Sub counts where the subscription has a dead-letter policy; for
 * one that was made without, this process counts its own failures.
 */
function createAttempts() {
  const failures = new Map<string, number>();
  return {
    of: ({ id, deliveryAttempt }: Message) => deliveryAttempt || (failures.get(id) ?? 0) + 1,
    failed({ id, deliveryAttempt }: Message) {
      if (deliveryAttempt) return;
      failures.set(id, (failures.get(id) ?? 0) + 1);
      const [oldest] = failures.size > COUNTED_MAX ? failures.keys() : [];
      if (oldest !== undefined) failures.delete(oldest);
    },
    forget: ({ id }: Message) => failures.delete(id),
  };
}
