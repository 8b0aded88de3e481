// What a topic of the port is at Google: a topic with one subscription, and a dead-letter topic with
// a subscription of its own. A message that is published to a topic without a subscription is lost
// without a word, so nothing is published before both are known to be there.

import type { CallOptions, CreateSubscriptionOptions, PubSub } from '@google-cloud/pubsub';
import { AppError } from '#shared/errors/app-error.ts';
import type { Topic } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import {
  ALREADY_EXISTS,
  briefly,
  codeOf,
  NOT_FOUND,
  PERMISSION_DENIED,
  patience,
  unavailable,
} from './pubsub-client.ts';
import type { PubSubTuning } from './pubsub-tuning.ts';

/** A subscription has the name of its topic. */
export interface TopicNames {
  readonly live: string;
  readonly dead: string;
}

export interface Topology {
  readonly creates: boolean;
  names(topic: Topic): TopicNames;
  /** True once everything of the topic is there, or is taken to be. */
  isReady(topic: Topic): boolean;
  /** Creates what is missing, where that is allowed. @throws AppError `unavailable`. */
  ensure(topic: Topic): Promise<void>;
  /** Pub/Sub says that something of it is gone: `ensure` looks again. */
  forget(topic: Topic): void;
  /** Grows whenever something was found gone. */
  losses(topic: Topic): number;
  /** `unavailable` for what is missing and may not be created here. */
  missing(what: string, caught: unknown): AppError;
}

export interface TopologyDeps {
  readonly pubsub: PubSub;
  readonly prefix: string;
  readonly create: boolean;
  readonly attemptsMax: number;
  readonly tuning: PubSubTuning;
  readonly log: Log;
}

/** Pub/Sub's own dead-lettering takes 5 to 100 deliveries. */
const DELIVERIES_MIN = 5;
const DELIVERIES_MAX = 100;
/** Ours comes first, with a reason; Pub/Sub's is for consumers that die of a message. */
const DELIVERIES_MARGIN = 5;
export const ATTEMPTS_MAX = DELIVERIES_MAX - DELIVERIES_MARGIN;

const DAY_SECONDS = 86_400;
/** The longest that Pub/Sub keeps what nobody has acknowledged; its emulator knows a former limit. */
const RETENTION_DAYS = 31;
const EMULATOR_RETENTION_DAYS = 7;
/** The least: a reader that died with letters in hand keeps them from others for so long. */
const DEAD_ACK_DEADLINE_SECONDS = 10;
const DELETED_TOPIC = '_deleted-topic_';

export function createTopology(deps: TopologyDeps): Topology {
  const { prefix, create, log } = deps;
  const ready = new Set<Topic>();
  const running = new Map<Topic, Promise<void>>();
  const losses = new Map<Topic, number>();
  let isRefused = false;
  const names = (topic: Topic) => ({ live: `${prefix}-${topic}`, dead: `${prefix}-${topic}.dead` });

  async function build(topic: Topic): Promise<void> {
    try {
      await createAll(deps, names(topic));
      ready.add(topic);
    } catch (caught) {
      if (codeOf(caught) !== PERMISSION_DENIED) {
        throw unavailable('the usage bus cannot be set up in Pub/Sub', caught);
      }
      // The usual case of a service account that only publishes: somebody else has made it all.
      ready.add(topic);
      if (isRefused) return;
      isRefused = true;
      log.warn('Pub/Sub topics and subscriptions may not be created here: they must be there', {
        detail: briefly(caught),
      });
    } finally {
      running.delete(topic);
    }
  }

  return {
    creates: create,
    names,
    isReady: (topic) => !create || ready.has(topic),
    async ensure(topic) {
      if (!create || ready.has(topic)) return;
      const building = running.get(topic) ?? build(topic);
      running.set(topic, building);
      await building;
    },
    forget(topic) {
      if (!create) return;
      ready.delete(topic);
      losses.set(topic, (losses.get(topic) ?? 0) + 1);
    },
    losses: (topic) => losses.get(topic) ?? 0,
    missing: (what, cause) =>
      new AppError(
        'unavailable',
        `Pub/Sub has no ${what}; create it as infra/store-keys.md says, or let the gateway do it`,
        { cause },
      ),
  };
}

async function createAll(deps: TopologyDeps, { live, dead }: TopicNames): Promise<void> {
  const { pubsub, attemptsMax, tuning } = deps;
  const retentionDays = pubsub.isEmulator ? EMULATOR_RETENTION_DAYS : RETENTION_DAYS;
  const common = {
    // Without this a subscription that nobody used for 31 days is deleted.
    expirationPolicy: {},
    messageRetentionDuration: { seconds: retentionDays * DAY_SECONDS },
  };
  const deliveries = Math.max(attemptsMax + DELIVERIES_MARGIN, DELIVERIES_MIN);
  const gaxOpts = patience(tuning.callTotalMs);
  await createTopic(pubsub, dead, gaxOpts);
  await createSubscription(pubsub, dead, {
    gaxOpts,
    ...common,
    ackDeadlineSeconds: DEAD_ACK_DEADLINE_SECONDS,
  });
  await createTopic(pubsub, live, gaxOpts);
  await createSubscription(pubsub, live, {
    gaxOpts,
    ...common,
    ackDeadlineSeconds: tuning.ackDeadlineSeconds,
    deadLetterPolicy: {
      deadLetterTopic: pubsub.topic(dead).name,
      maxDeliveryAttempts: Math.min(deliveries, DELIVERIES_MAX),
    },
    ...(tuning.redelivery === null
      ? {}
      : {
          retryPolicy: {
            minimumBackoff: protoDuration(tuning.redelivery.minMs),
            maximumBackoff: protoDuration(tuning.redelivery.maxMs),
          },
        }),
  });
}

async function createTopic(pubsub: PubSub, name: string, gaxOpts: CallOptions): Promise<void> {
  try {
    await pubsub.createTopic(name, gaxOpts);
  } catch (caught) {
    if (codeOf(caught) !== ALREADY_EXISTS) throw caught;
  }
}

async function createSubscription(
  pubsub: PubSub,
  name: string,
  options: CreateSubscriptionOptions,
): Promise<void> {
  try {
    await pubsub.createSubscription(name, name, options);
  } catch (caught) {
    if (codeOf(caught) !== ALREADY_EXISTS) throw caught;
    await assertAttached(pubsub, name, options.gaxOpts ?? {});
  }
}

/** A subscription outlives its topic, and never hears of a new one with the same name. */
async function assertAttached(pubsub: PubSub, name: string, gaxOpts: CallOptions): Promise<void> {
  let topic: string | null | undefined;
  try {
    const [found] = await pubsub.subscription(name).getMetadata(gaxOpts);
    topic = found.topic;
  } catch (caught) {
    // Gone again, or not ours to read.
    if (codeOf(caught) === PERMISSION_DENIED || codeOf(caught) === NOT_FOUND) return;
    throw caught;
  }
  if (topic !== DELETED_TOPIC) return;
  throw new AppError(
    'unavailable',
    `the Pub/Sub subscription ${name} belongs to a topic that was deleted; delete it as well`,
  );
}

function protoDuration(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}
