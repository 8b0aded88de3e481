import { createHash } from 'node:crypto';
import type { Delivery, Topic, UsageBus } from '#shared/ports/usage-bus.ts';
import type { Fate } from './patient-subscription.ts';

export interface Branch {
  /** Names the destination; never changes, so that a repeated fan-out publishes the same ids. */
  readonly key: string;
  /** What the message for it alone carries. */
  readonly attributes: Readonly<Record<string, string>>;
}

/**
 * Publishes a message again, once per destination. So each has its own retries and dead letters, and
 * one that fails never makes another one receive something twice.
 */
export async function fanOut(
  bus: Pick<UsageBus, 'publish'>,
  topic: Topic,
  { id, data }: Delivery,
  branches: readonly Branch[],
): Promise<Fate> {
  const published = branches.map(({ key, attributes }) =>
    bus.publish(topic, { id: `${id}.${shortHash(key)}`, data, attributes }),
  );
  const results = await Promise.allSettled(published);
  const isDone = results.every(({ status }) => status === 'fulfilled');
  return isDone ? { fate: 'done' } : { fate: 'failed', reason: 'the bus refused to fan out' };
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
