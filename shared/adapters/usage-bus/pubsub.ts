// Google Pub/Sub. Opening waits for nothing: what is missing is created in the background, and again
// whenever Pub/Sub says that it is gone. A plane that only publishes never touches a subscription
// that is there. Nothing is durable here before Pub/Sub has acknowledged it, so whoever publishes
// keeps a copy until then; what waits in memory is bounded in number, bytes and time.

import { createGate } from '#shared/adapters/sql/gate.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Subscription, Topic, UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createClient } from './pubsub-client.ts';
import { createDeadLetters } from './pubsub-dead-letters.ts';
import { within } from './pubsub-deadline.ts';
import { createPublisher } from './pubsub-publisher.ts';
import { startSubscription } from './pubsub-subscription.ts';
import { ATTEMPTS_MAX, createTopology } from './pubsub-topology.ts';
import { PUBSUB_DEFAULTS, type PubSubTuning } from './pubsub-tuning.ts';
import { toWire } from './pubsub-wire.ts';

export interface PubSubBusOptions {
  readonly projectId: string;
  /** Begins the names of all topics and subscriptions: `<prefix>-usage.v1`, …. */
  readonly prefix: string;
  /** Whether what is missing may be created. */
  readonly create: boolean;
  /** Deliveries before a message is dead-lettered, 1 to 95: Pub/Sub itself counts to 100. */
  readonly attemptsMax: number;
  readonly clock: Clock;
  readonly log: Log;
  /** `host:port`; absent: PUBSUB_EMULATOR_HOST, or Google. */
  readonly emulatorHost?: string;
  readonly tuning?: Partial<PubSubTuning>;
}

const TOPICS: readonly Topic[] = ['usage.v1', 'telemetry.v1', 'alert.v1'];
const PREFIX = /^(?!goog)[A-Za-z][\w.~+%-]{0,199}$/;

/** @throws AppError `invalid_request` for a prefix or a number that Pub/Sub does not take. */
export async function openPubSubBus(options: PubSubBusOptions): Promise<UsageBus> {
  const { attemptsMax, clock, log } = options;
  assertUsable(options);
  const tuning = { ...PUBSUB_DEFAULTS, ...options.tuning };
  const pubsub = createClient(options.projectId, options.emulatorHost);
  const topology = createTopology({ ...options, pubsub, tuning });
  const publisher = createPublisher({ pubsub, topology, tuning });
  const letters = createDeadLetters({ pubsub, topology, publisher, tuning });
  const subscriptions = new Set<Subscription>();
  const gate = createGate('the usage bus');

  for (const topic of TOPICS) {
    topology.ensure(topic).catch((caught: unknown) => {
      log.warn('Pub/Sub is not set up yet', { topic, err: AppError.from(caught) });
    });
  }

  let closing: Promise<void> | null = null;
  const close = async () => {
    const inside = gate.close();
    // What a batch in work still publishes, dead letters, is waited for by its subscription.
    const flushed = publisher.flush(tuning.closeWithinMs).then(() => publisher.abandon());
    await Promise.all([flushed, ...[...subscriptions].map((open) => open[Symbol.asyncDispose]())]);
    await within(tuning.closeWithinMs, inside);
    // Drops whatever the library still holds.
    await pubsub.close();
  };
  return {
    publish: (topic, message) =>
      gate.enter(async () => publisher.publish(topic, 'live', toWire(message))),
    subscribe(wanted) {
      gate.assertOpen();
      const subscription = startSubscription(wanted, {
        pubsub,
        topology,
        publisher,
        clock,
        log,
        attemptsMax,
        tuning,
        onClosed: () => subscriptions.delete(subscription),
      });
      subscriptions.add(subscription);
      return subscription;
    },
    deadLetters: (topic, limit) => gate.enter(() => letters.read(topic, limit)),
    replay: (topic, id) => gate.enter(() => letters.replay(topic, id)),
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

function assertUsable({ projectId, prefix, attemptsMax }: PubSubBusOptions): void {
  if (projectId === '') throw refused('a project');
  if (!PREFIX.test(prefix)) throw refused('a prefix of letters, digits and -_.~+% (not goog…)');
  if (!Number.isInteger(attemptsMax) || attemptsMax < 1 || attemptsMax > ATTEMPTS_MAX) {
    throw refused(`a number of attempts from 1 to ${ATTEMPTS_MAX}`);
  }
}

function refused(needed: string): AppError {
  return new AppError('invalid_request', `the Pub/Sub bus needs ${needed}`);
}
