// Pulls what a topic's dead-letter subscription holds, one message after the other, until it is empty.

import type { CallOptions, PubSub } from '@google-cloud/pubsub';
import type { Topic } from '#shared/ports/usage-bus.ts';
import {
  callSubscriber,
  codeOf,
  DEADLINE_EXCEEDED,
  NOT_FOUND,
  patience,
  unavailable,
} from './pubsub-client.ts';
import type { Topology } from './pubsub-topology.ts';
import type { PubSubTuning } from './pubsub-tuning.ts';
import type { ReceivedMessage } from './pubsub-wire.ts';

export interface PullDeps {
  readonly pubsub: PubSub;
  readonly topology: Topology;
  readonly tuning: PubSubTuning;
}

export interface Leased {
  readonly ackId: string;
  readonly message: ReceivedMessage;
}

/** As far as it is used; protobuf leaves out what is empty. */
interface PullResponse {
  readonly receivedMessages?: readonly {
    readonly ackId?: string;
    readonly message?: {
      readonly data?: Uint8Array;
      readonly attributes?: Readonly<Record<string, string>>;
      readonly messageId?: string;
      readonly publishTime?: { readonly seconds?: unknown; readonly nanos?: number };
    };
  }[];
}

const PULL_MAX = 100;
/** What was leased first comes round again by then, and is known by its id. */
const PULLING_MS_MAX = 20_000;

/** @throws AppError `unavailable`: Pub/Sub cannot be reached, or has no such subscription. */
export async function* pullUntilEmpty(deps: PullDeps, topic: Topic): AsyncGenerator<Leased> {
  const name = deps.topology.names(topic).dead;
  const startMs = performance.now();
  let isAgain = false;
  while (performance.now() - startMs < PULLING_MS_MAX) {
    await deps.topology.ensure(topic);
    try {
      const messages = await pull(deps, name);
      if (messages.length === 0) return;
      yield* messages;
    } catch (caught) {
      if (codeOf(caught) !== NOT_FOUND) {
        throw unavailable('Pub/Sub does not hand out the dead letters', caught);
      }
      if (isAgain || !deps.topology.creates) {
        throw deps.topology.missing(`subscription ${name}`, caught);
      }
      isAgain = true;
      deps.topology.forget(topic);
    }
  }
}

/** Empty: there is nothing, as far as Pub/Sub can tell. */
async function pull({ pubsub, tuning }: PullDeps, name: string): Promise<Leased[]> {
  const subscription = pubsub.subscription(name).name;
  const ask = async (more: object, gaxOpts: CallOptions) => {
    const request = { subscription, maxMessages: PULL_MAX, ...more };
    return read(await callSubscriber<PullResponse>(pubsub, 'pull', request, gaxOpts));
  };
  // An answer at once may be empty though there is something, and a wait that nobody answered may
  // be one that nothing came to. Asked in this order, each makes the other certain.
  const atOnce = await ask({ returnImmediately: true }, patience(tuning.callTotalMs));
  if (atOnce.length > 0 || tuning.pullWaitMs === 0) return atOnce;
  try {
    return await ask({}, { timeout: tuning.pullWaitMs, retry: null });
  } catch (caught) {
    if (codeOf(caught) === DEADLINE_EXCEEDED) return [];
    throw caught;
  }
}

function read(response: PullResponse | null): Leased[] {
  return (response?.receivedMessages ?? []).map(({ ackId = '', message = {} }) => ({
    ackId,
    message: {
      data: message.data ?? new Uint8Array(),
      attributes: message.attributes ?? {},
      messageId: message.messageId ?? '',
      publishedAtMs: Number(message.publishTime?.seconds ?? 0) * 1000,
    },
  }));
}
