// Dead letters of a topic, read by pull. Pub/Sub has no way to look without taking: letters are
// leased, read and given back, and for that moment nobody else sees them. So calls for one topic
// queue up here; another process may see fewer letters while this one reads.

import type { PubSub } from '@google-cloud/pubsub';
import type { DeadLetter, Topic } from '#shared/ports/usage-bus.ts';
import { callSubscriber, patience, unavailable } from './pubsub-client.ts';
import type { Publisher } from './pubsub-publisher.ts';
import { pullUntilEmpty } from './pubsub-pull.ts';
import type { Topology } from './pubsub-topology.ts';
import type { PubSubTuning } from './pubsub-tuning.ts';
import { toDeadLetter, toWire } from './pubsub-wire.ts';

export interface DeadLetterDeps {
  readonly pubsub: PubSub;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly tuning: PubSubTuning;
}

export interface DeadLetters {
  /** Oldest first among the first thousand that Pub/Sub hands out. */
  read(topic: Topic, limit: number): Promise<DeadLetter[]>;
  replay(topic: Topic, id: string): Promise<boolean>;
}

/** What is read at once: with more letters than this, the oldest of all cannot be told. */
const LETTERS_MAX = 1000;
const LETTERS_BYTES_MAX = 64 * 1024 * 1024;
/** Bounded by the size of a request. */
const ACK_IDS_MAX = 1000;

export function createDeadLetters(deps: DeadLetterDeps): DeadLetters {
  const last = new Map<Topic, Promise<unknown>>();
  function inTurn<T>(topic: Topic, work: () => Promise<T>): Promise<T> {
    const mine = (last.get(topic) ?? Promise.resolve()).then(work, work);
    last.set(topic, mine);
    return mine;
  }
  return {
    read: (topic, limit) => inTurn(topic, () => read(deps, topic, limit)),
    replay: (topic, id) => inTurn(topic, () => replay(deps, topic, id)),
  };
}

async function read(deps: DeadLetterDeps, topic: Topic, limit: number): Promise<DeadLetter[]> {
  const latest = new Map<string, DeadLetter>();
  const leased: string[] = [];
  let bytes = 0;
  try {
    for await (const { ackId, message } of pullUntilEmpty(deps, topic)) {
      leased.push(ackId);
      const letter = toDeadLetter(topic, message);
      bytes += letter.data.byteLength;
      // One that died twice has one letter: the last.
      const known = latest.get(letter.id);
      if (known === undefined || known.deadAtMs < letter.deadAtMs) latest.set(letter.id, letter);
      if (leased.length >= LETTERS_MAX || bytes >= LETTERS_BYTES_MAX) break;
    }
  } finally {
    await giveBack(deps, topic, leased);
  }
  return [...latest.values()].sort(byAge).slice(0, limit);
}

async function replay(deps: DeadLetterDeps, topic: Topic, id: string): Promise<boolean> {
  const others: string[] = [];
  try {
    for await (const { ackId, message } of pullUntilEmpty(deps, topic)) {
      const letter = toDeadLetter(topic, message);
      if (letter.id !== id) {
        others.push(ackId);
        continue;
      }
      try {
        await deps.publisher.publish(topic, 'live', toWire(letter));
      } catch (caught) {
        others.push(ackId);
        throw caught;
      }
      await settle(deps, topic, 'acknowledge', [ackId], {}).catch((caught: unknown) => {
        throw unavailable('the message is back on its topic, but its dead letter stays', caught);
      });
      return true;
    }
    return false;
  } finally {
    await giveBack(deps, topic, others);
  }
}

/** A letter that cannot be given back comes back by itself when its lease ends. */
async function giveBack(deps: DeadLetterDeps, topic: Topic, ackIds: string[]): Promise<void> {
  const atOnce = { ackDeadlineSeconds: 0 };
  await settle(deps, topic, 'modifyAckDeadline', ackIds, atOnce).catch(() => {});
}

async function settle(
  { pubsub, topology, tuning }: DeadLetterDeps,
  topic: Topic,
  method: 'acknowledge' | 'modifyAckDeadline',
  ackIds: readonly string[],
  more: object,
): Promise<void> {
  const subscription = pubsub.subscription(topology.names(topic).dead).name;
  for (let start = 0; start < ackIds.length; start += ACK_IDS_MAX) {
    const some = ackIds.slice(start, start + ACK_IDS_MAX);
    const request = { subscription, ackIds: some, ...more };
    await callSubscriber(pubsub, method, request, patience(tuning.callTotalMs));
  }
}

function byAge(a: DeadLetter, b: DeadLetter): number {
  return a.deadAtMs - b.deadAtMs || (a.id < b.id ? -1 : 1);
}
