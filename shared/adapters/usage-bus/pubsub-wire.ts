// A message of the port as a message of Pub/Sub, which gives ids of its own: ours travels as an
// attribute. Attributes of the caller carry a prefix, so that none collides with ours, with those
// that Pub/Sub and tracing add, or with the names that Google reserves.

import { AppError } from '#shared/errors/app-error.ts';
import type { DeadLetter, Delivery, Message, Topic } from '#shared/ports/usage-bus.ts';

export interface WireMessage {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What Pub/Sub hands over, by stream or by pull. */
export interface ReceivedMessage {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageId: string;
  readonly publishedAtMs: number;
}

const ID = 'id';
const REASON = 'reason';
const ATTEMPTS = 'attempts';
const DEAD_AT = 'dead-at-ms';
const CALLERS = 'attr.';
/** Set by Pub/Sub on what it dead-letters itself. */
const PUBSUB_DELIVERIES = 'CloudPubSubDeadLetterSourceDeliveryCount';

// Pub/Sub refuses a whole request for one message that breaks these, and the emulator none.
const ATTRIBUTES_MAX = 90;
const KEY_BYTES_MAX = 256;
const VALUE_BYTES_MAX = 1024;
const REASON_BYTES_MAX = 1000;
const MESSAGE_BYTES_MAX = 9 * 1024 * 1024;

/** @throws AppError `invalid_request` for what Pub/Sub can never take. */
export function toWire({ id, data, attributes }: Message): WireMessage {
  const wire: Record<string, string> = { [ID]: id };
  const names = Object.keys(attributes);
  for (const name of names) wire[CALLERS + name] = attributes[name] ?? '';
  if (id === '') throw refused('it has no id');
  if (names.length > ATTRIBUTES_MAX) throw refused(`it has more than ${ATTRIBUTES_MAX} attributes`);
  const message = { data, attributes: wire };
  for (const [name, value] of Object.entries(wire)) {
    if (Buffer.byteLength(name) > KEY_BYTES_MAX) throw refused('the name of an attribute is long');
    if (Buffer.byteLength(value) > VALUE_BYTES_MAX) {
      throw refused(`attribute ${name} has more than ${VALUE_BYTES_MAX} bytes`);
    }
  }
  const bytes = wireBytes(message);
  if (bytes > MESSAGE_BYTES_MAX) {
    throw refused(`it has ${bytes} bytes of at most ${MESSAGE_BYTES_MAX}`);
  }
  return message;
}

export function wireBytes({ data, attributes }: WireMessage): number {
  let bytes = data.byteLength;
  for (const name in attributes) bytes += name.length + (attributes[name]?.length ?? 0);
  return bytes;
}

export function toDelivery(received: ReceivedMessage, attempt: number): Delivery {
  return { ...portMessage(received), attempt };
}

export function toDeadWire(delivery: Delivery, reason: string, deadAtMs: number): WireMessage {
  const { data, attributes } = toWire(delivery);
  const fate = {
    [REASON]: Buffer.from(reason).subarray(0, REASON_BYTES_MAX).toString('utf8'),
    [ATTEMPTS]: String(delivery.attempt),
    [DEAD_AT]: String(deadAtMs),
  };
  return { data, attributes: { ...attributes, ...fate } };
}

export function toDeadLetter(topic: Topic, received: ReceivedMessage): DeadLetter {
  const { attributes } = received;
  const byPubSub = Number(attributes[PUBSUB_DELIVERIES] ?? 0);
  return {
    topic,
    ...portMessage(received),
    attempts: Number(attributes[ATTEMPTS] ?? byPubSub),
    reason:
      attributes[REASON] ?? `no consumer finished with it: Pub/Sub gave up after ${byPubSub} tries`,
    deadAtMs: Number(attributes[DEAD_AT] ?? received.publishedAtMs),
  };
}

/** A message of somebody else's has no id of ours: Pub/Sub's own stays the same when it returns. */
function portMessage({ data, attributes, messageId }: ReceivedMessage): Message {
  const ours = Object.entries(attributes).filter(([name]) => name.startsWith(CALLERS));
  return {
    id: attributes[ID] ?? messageId,
    data,
    attributes: Object.fromEntries(
      ours.map(([name, value]) => [name.slice(CALLERS.length), value]),
    ),
  };
}

function refused(why: string): AppError {
  return new AppError('invalid_request', `Pub/Sub cannot carry this message: ${why}`);
}
