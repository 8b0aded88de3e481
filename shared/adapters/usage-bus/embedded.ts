// A durable queue in SQLite. Publishes in quick succession share one commit; a subscription of this
// process is woken by the commit itself. The poll finds what failed and is due again, and what another
// process published. One process subscribes: claims are not shared between processes, so a second one
// would get every message too.

import { createGate, type Gate } from '#shared/adapters/sql/gate.ts';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Message, Topic, UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import {
  insertMessages,
  type Published,
  readDeadLetters,
  replayDeadLetter,
} from './embedded-queue.ts';
import { type EmbeddedSubscription, startSubscription } from './embedded-subscription.ts';
import { createPace } from './pace.ts';

export type EmbeddedBusOptions = {
  readonly clock: Clock;
  /** Deliveries before a message is dead-lettered. */
  readonly attemptsMax?: number;
  readonly pollMs?: number;
  readonly log?: Log;
} & (
  | { readonly database: SqlDatabase; readonly path?: never }
  /** A file of its own, closed with the bus. */
  | { readonly path: string; readonly database?: never }
);

const ATTEMPTS_MAX = 10;
const POLL_MS = 1000;
const COMMIT_EVERY_MS = 25;

/** @throws AppError `unavailable` when the file cannot be opened. */
export async function openEmbeddedBus(options: EmbeddedBusOptions): Promise<UsageBus> {
  const { clock, log, attemptsMax = ATTEMPTS_MAX, pollMs = POLL_MS } = options;
  const database = options.database ?? (await openSqliteDatabase(options.path));
  const gate = createGate('the usage bus');
  const subscriptions = new Map<EmbeddedSubscription, Topic>();
  const claimed: Record<Topic, Set<string>> = {
    'usage.v1': new Set(),
    'telemetry.v1': new Set(),
    'alert.v1': new Set(),
  };

  const wake = (topics: ReadonlySet<Topic>) => {
    for (const [subscription, topic] of subscriptions) if (topics.has(topic)) subscription.wake();
  };
  const publish = createPublisher({ database, clock, gate, onDurable: wake });
  const poll = setInterval(() => wake(new Set(subscriptions.values())), pollMs);
  poll.unref();

  let closing: Promise<void> | null = null;
  const close = async () => {
    clearInterval(poll);
    const subscribed = [...subscriptions.keys()].map((open) => open[Symbol.asyncDispose]());
    await Promise.all([gate.close(), ...subscribed]);
    if (options.database === undefined) await database[Symbol.asyncDispose]();
  };
  return {
    // Not by the gate's `enter`: those that wait together are inside as one, their commit.
    publish(topic, message) {
      try {
        gate.assertOpen();
      } catch (caught) {
        return Promise.reject(caught);
      }
      return publish(topic, message);
    },
    subscribe(wanted) {
      gate.assertOpen();
      const subscription = startSubscription(wanted, {
        database,
        clock,
        attemptsMax,
        log,
        claimed: claimed[wanted.topic],
        onClosed: () => subscriptions.delete(subscription),
      });
      subscriptions.set(subscription, wanted.topic);
      subscription.wake();
      return subscription;
    },
    deadLetters: (topic, limit) =>
      gate.enter(() => database.run((db) => readDeadLetters(db, topic, limit))),
    replay: (topic, id) =>
      gate.enter(async () => {
        const isBack = await database.transaction((db) =>
          replayDeadLetter(db, topic, id, clock.now()),
        );
        if (isBack) wake(new Set([topic]));
        return isBack;
      }),
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

interface PublisherDeps {
  readonly database: SqlDatabase;
  readonly clock: Clock;
  readonly gate: Gate;
  readonly onDurable: (topics: ReadonlySet<Topic>) => void;
}

/**
 * Collects what is published meanwhile; all of it is durable or all is rejected. There are many and they
 * wait for milliseconds, so each is held as its row alone: one promise is for all.
 */
function createPublisher({ database, clock, gate, onDurable }: PublisherDeps) {
  let waiting: Published[] = [];
  let flushing: Promise<void> | null = null;
  const pace = createPace(COMMIT_EVERY_MS);

  async function flush(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await pace();
    const published = waiting;
    waiting = [];
    flushing = null;
    await database.transaction((db) => insertMessages(db, published, clock.now()));
    onDurable(new Set(published.map(({ topic }) => topic)));
  }

  return (topic: Topic, message: Message): Promise<void> => {
    waiting.push({ topic, message });
    flushing ??= gate.enter(flush);
    return flushing;
  };
}
