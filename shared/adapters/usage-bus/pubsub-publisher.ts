// Publishing, with what the library lacks: a limit to what may wait, an end to waiting, a flush that
// waits for requests under way. The library batches; a message is held here and there until Pub/Sub
// has acknowledged it or the total has passed, whichever the caller is told first.

import type { PubSub, Topic as PubSubTopic } from '@google-cloud/pubsub';
import { AppError } from '#shared/errors/app-error.ts';
import type { Topic } from '#shared/ports/usage-bus.ts';
import { codeOf, NOT_FOUND, patience, unavailable } from './pubsub-client.ts';
import type { Topology } from './pubsub-topology.ts';
import type { PubSubTuning } from './pubsub-tuning.ts';
import { type WireMessage, wireBytes } from './pubsub-wire.ts';

export interface Publisher {
  /** Resolves when Pub/Sub has it. @throws AppError `unavailable`. */
  publish(topic: Topic, to: 'live' | 'dead', message: WireMessage): Promise<void>;
  /** Sends what waits and resolves when nothing does, or when the time is up. */
  flush(withinMs: number): Promise<void>;
  /** Rejects what still waits. */
  abandon(): void;
}

interface Pending {
  end(error: AppError | null): void;
}

/** The library ends a publish by itself; this is for what it waits for without a time-out. */
const GRACE_MS = 1000;
const TRIES_MAX = 3;

export function createPublisher(deps: {
  readonly pubsub: PubSub;
  readonly topology: Topology;
  readonly tuning: PubSubTuning;
}): Publisher {
  const { topology, tuning } = deps;
  const topics = new Map<string, PubSubTopic>();
  const waiting = new Set<Pending>();
  let held = 0;
  let heldBytes = 0;
  let onEmpty: (() => void) | null = null;

  function topicNamed(name: string): PubSubTopic {
    const known = topics.get(name);
    if (known !== undefined) return known;
    const opened = deps.pubsub.topic(name, {
      batching: { maxMessages: tuning.publishBatchMax, maxMilliseconds: tuning.publishLingerMs },
      gaxOpts: patience(tuning.publishTotalMs),
    });
    topics.set(name, opened);
    return opened;
  }

  async function deliver(topic: Topic, to: 'live' | 'dead', message: WireMessage): Promise<void> {
    const name = topology.names(topic)[to];
    for (let tries = 1; ; tries += 1) {
      if (!topology.isReady(topic)) await topology.ensure(topic);
      const losses = topology.losses(topic);
      try {
        await send(topicNamed(name), message);
        // Lost and made again meanwhile: the topic may have had it before its subscription.
        if (topology.losses(topic) === losses || tries === TRIES_MAX) return;
      } catch (caught) {
        if (codeOf(caught) !== NOT_FOUND) throw caught;
        // An emulator that was started again has forgotten everything; so has who deleted it.
        if (tries === TRIES_MAX || !topology.creates)
          throw topology.missing(`topic ${name}`, caught);
        topology.forget(topic);
      }
    }
  }

  function release(bytes: number): void {
    held -= 1;
    heldBytes -= bytes;
    if (held === 0) onEmpty?.();
  }

  return {
    publish(topic, to, message) {
      const bytes = wireBytes(message);
      if (held >= tuning.pendingMax || (held > 0 && heldBytes + bytes > tuning.pendingBytesMax)) {
        return Promise.reject(
          new AppError('unavailable', 'too much waits for Pub/Sub; send it again in a moment'),
        );
      }
      held += 1;
      heldBytes += bytes;
      return new Promise<void>((resolve, reject) => {
        const pending: Pending = {
          end(error) {
            clearTimeout(timer);
            waiting.delete(pending);
            if (error === null) resolve();
            else reject(error);
          },
        };
        const late = () => pending.end(unavailable('Pub/Sub did not answer in time'));
        const timer = setTimeout(late, tuning.publishTotalMs + GRACE_MS);
        waiting.add(pending);
        deliver(topic, to, message).then(
          () => {
            release(bytes);
            pending.end(null);
          },
          (caught: unknown) => {
            release(bytes);
            pending.end(unavailable('Pub/Sub did not take the message', caught));
          },
        );
      });
    },
    async flush(withinMs) {
      if (held === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, withinMs);
      onEmpty = resolve;
      // A failed flush tells nothing new: each message has its own answer.
      for (const topic of topics.values()) topic.flush().catch(() => {});
      await promise;
      clearTimeout(timer);
    },
    abandon() {
      const closed = new AppError(
        'unavailable',
        'the usage bus is closed; Pub/Sub had not acknowledged the message',
      );
      for (const pending of waiting) pending.end(closed);
    },
  };
}

/** The callback spares the library's promise, and with it its stack traces. */
function send(topic: PubSubTopic, message: WireMessage): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  topic.publishMessage({ ...message }, (error) => {
    if (error) reject(error);
    else resolve();
  });
  return promise;
}
