// Streams of one subscription, opened again whenever they break. The library mends what may pass by
// itself; for the rest (NOT_FOUND above all) it says `error` once and is dead.

import {
  Duration,
  type Message,
  type PubSub,
  type Subscription,
  SubscriptionCloseBehaviors,
  type SubscriptionOptions,
} from '@google-cloud/pubsub';
import type { Topic } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { codeOf, NOT_FOUND, patience, unavailable } from './pubsub-client.ts';
import type { Topology } from './pubsub-topology.ts';
import type { PubSubTuning } from './pubsub-tuning.ts';

export interface ReaderOptions {
  readonly pubsub: PubSub;
  readonly topology: Topology;
  readonly topic: Topic;
  readonly inFlightMax: number;
  readonly tuning: PubSubTuning;
  readonly log: Log;
  readonly onMessage: (message: Message) => void;
}

export interface Reader {
  readonly isOpen: boolean;
  /** Why it was not open the last time. */
  readonly failure: Error | null;
  /** When it was last opened, by `performance.now()`. */
  readonly openedAtMs: number;
  /** Takes nothing more at once; resolves when all that was taken is acknowledged or returned. */
  close(): Promise<void>;
}

/** The emulator hands out 100 messages per stream and 50 ms. */
const IN_FLIGHT_PER_STREAM = 100;
const STREAMS_MAX = 4;
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** A batch that takes longer has hung: its messages go to somebody else. */
const LEASE_MAX = Duration.from({ minutes: 10 });
const ACKS_MAX = 1000;
const ACKS_LINGER_MS = 10;

export function startReader(options: ReaderOptions): Reader {
  const { pubsub, topology, topic, tuning, log } = options;
  const name = topology.names(topic).live;
  const closing = new Set<Promise<void>>();
  let isClosed = false;
  let isOpen = false;
  let failure: Error | null = null;
  let openedAtMs = 0;
  let pauseMs = tuning.reopenMinMs;
  let interrupt = () => {};

  async function run(): Promise<void> {
    while (!isClosed) {
      // A consumer that may not create, or not now, still reads what is there.
      await topology.ensure(topic).catch(note);
      const broken = await readUntilBroken();
      if (broken === null) return;
      if (performance.now() > openedAtMs + tuning.reopenMaxMs) isWell();
      if (codeOf(broken) === NOT_FOUND) topology.forget(topic);
      note(
        codeOf(broken) === NOT_FOUND
          ? topology.missing(`subscription ${name}`, broken)
          : unavailable(`Pub/Sub subscription ${name} cannot be read`, broken),
      );
      await pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, tuning.reopenMaxMs);
    }
  }

  function note(caught: Error): void {
    if (failure === null) log.error('the usage bus cannot be read', { topic, err: caught });
    failure = caught;
  }

  function hear(message: Message): void {
    isWell();
    options.onMessage(message);
  }

  function isWell(): void {
    if (failure !== null) log.info('the usage bus is read again', { topic });
    failure = null;
    pauseMs = tuning.reopenMinMs;
  }

  /** The error of the first stream that breaks; null when closed. */
  async function readUntilBroken(): Promise<unknown> {
    if (isClosed) return null;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    interrupt = () => resolve(null);
    const streams = openStreams(pubsub, name, options);
    openedAtMs = performance.now();
    isOpen = true;
    for (const stream of streams) stream.on('error', resolve).on('message', hear);
    const broken = await promise;
    isOpen = false;
    for (const stream of streams) {
      const closed = stream
        .close()
        .catch(() => {})
        .finally(() => closing.delete(closed));
      closing.add(closed);
    }
    return broken;
  }

  async function pause(ms: number): Promise<void> {
    if (isClosed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    interrupt = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }

  const running = run();
  return {
    get isOpen() {
      return isOpen;
    },
    get failure() {
      return failure;
    },
    get openedAtMs() {
      return openedAtMs;
    },
    async close() {
      isClosed = true;
      interrupt();
      await running;
      await Promise.all(closing);
    },
  };
}

/**
 * Pub/Sub keeps to a limit per stream, so the limit is divided; and each stream is a subscription of
 * its own to the library, because it pauses all streams of one when they hold the limit of one.
 */
function openStreams(pubsub: PubSub, name: string, options: ReaderOptions): Subscription[] {
  const { inFlightMax, tuning } = options;
  const wanted = Math.floor(inFlightMax / IN_FLIGHT_PER_STREAM);
  const count = Math.min(Math.max(wanted, 1), STREAMS_MAX);
  // Built anew for each: the library writes into it.
  const streamOptions = (): SubscriptionOptions => ({
    // Both: left to itself the library raises it to what the slowest handlers took.
    minAckDeadline: Duration.from({ seconds: tuning.ackDeadlineSeconds }),
    maxAckDeadline: Duration.from({ seconds: tuning.ackDeadlineSeconds }),
    maxExtensionTime: LEASE_MAX,
    batching: {
      maxMessages: ACKS_MAX,
      maxMilliseconds: ACKS_LINGER_MS,
      callOptions: patience(tuning.callTotalMs),
    },
    flowControl: {
      maxMessages: Math.floor(inFlightMax / count),
      maxBytes: HELD_BYTES_MAX / count,
    },
    streamingOptions: {
      maxStreams: 1,
      retryMaxBackoff: Duration.from({ milliseconds: tuning.reopenMaxMs }),
    },
    closeOptions: { behavior: SubscriptionCloseBehaviors.WaitForProcessing, timeout: LEASE_MAX },
  });
  return Array.from({ length: count }, () => pubsub.subscription(name, streamOptions()));
}
