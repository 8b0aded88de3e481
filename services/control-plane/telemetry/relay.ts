// telemetry.v1 → every destination that takes the signal. A message for one destination is
// delivered; a message for several is first published again, once per destination and under ids
// that stay the same when that is repeated. So each destination has its own retries and dead
// letters, and one that fails never makes another one receive a delta twice.
//
// A batch waits at most `batchBudgetMs`. What takes longer goes on beside it and is asked for again
// when the bus redelivers, so a slow destination cannot hold up the others.

import { createHash } from 'node:crypto';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import {
  parseTelemetryAttributes,
  renderTelemetryAttributes,
  type TelemetryEnvelope,
} from '#shared/events/telemetry-event.ts';
import type { BatchResult, Delivery, Subscription, UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createDeliverer, type Fate } from './deliverer.ts';
import type { OtlpExporter, TelemetryDestination } from './otlp-exporter.ts';

export interface TelemetryRelayDeps {
  readonly bus: Pick<UsageBus, 'publish' | 'subscribe'>;
  /** Those of the configuration in force. */
  readonly destinations: () => readonly TelemetryDestination[];
  readonly export: OtlpExporter;
  readonly clock: Clock;
  readonly log: Log;
  readonly batchBudgetMs?: number;
  readonly decodedBytesMax?: number;
}

const BATCH_MAX = 64;
const IN_FLIGHT_MAX = 256;
const REMEMBERED_MAX = 10_000;
const STILL_RUNNING: Fate = { fate: 'failed', reason: 'the destination has not answered yet' };

/** Subscribes at once; disposing waits for deliveries that have begun. */
export function createTelemetryRelay(deps: TelemetryRelayDeps): Subscription {
  const { batchBudgetMs = 2000, decodedBytesMax = 64 * 1024 * 1024 } = deps;
  const deliver = createDeliverer({ ...deps, decodedBytesMax });
  const running = new Map<string, Promise<Fate>>();

  const handleOne = async (delivery: Delivery): Promise<Fate> => {
    const { id } = delivery;
    const begun = running.get(id) ?? begin(id, handle(deps, deliver, delivery));
    const fate = await within(batchBudgetMs, begun);
    if (fate !== STILL_RUNNING) running.delete(id);
    return fate;
  };
  const begin = (id: string, work: Promise<Fate>): Promise<Fate> => {
    const watched = work.catch(unexpected(deps.log)).then((fate) => {
      // A late failure is tried anew by the next redelivery; a late success is remembered for it.
      if (fate.fate === 'failed') running.delete(id);
      return fate;
    });
    running.set(id, watched);
    const [oldest] = running.size > REMEMBERED_MAX ? running.keys() : [];
    if (oldest !== undefined) running.delete(oldest);
    return watched;
  };

  const subscription = deps.bus.subscribe({
    topic: 'telemetry.v1',
    batchMax: BATCH_MAX,
    inFlightMax: IN_FLIGHT_MAX,
    handle: async (batch) => {
      const fates = await Promise.all(batch.map(handleOne));
      return resultOf(batch, fates);
    },
  });
  return {
    idle: () => subscription.idle(),
    async [Symbol.asyncDispose]() {
      await subscription[Symbol.asyncDispose]();
      await Promise.allSettled(running.values());
    },
  };
}

type Deliver = ReturnType<typeof createDeliverer>;

async function handle(
  deps: TelemetryRelayDeps,
  deliver: Deliver,
  delivery: Delivery,
): Promise<Fate> {
  const envelope = parseTelemetryAttributes(delivery.attributes);
  if (envelope === null)
    return { fate: 'dead', reason: 'attributes are not those of telemetry.v1' };
  const takers = deps.destinations().filter((to) => to[envelope.signal]);
  if (envelope.destination === null && takers.length > 1) {
    return fanOut(deps.bus, delivery, envelope, takers);
  }
  const to = takers.find(
    ({ url }) => envelope.destination === null || url === envelope.destination,
  );
  if (to !== undefined) return deliver(to, envelope, delivery.data);
  if (envelope.destination === null) return { fate: 'done' };
  return { fate: 'dead', reason: 'its destination is no longer configured' };
}

async function fanOut(
  bus: Pick<UsageBus, 'publish'>,
  { id, data }: Delivery,
  envelope: TelemetryEnvelope,
  takers: readonly TelemetryDestination[],
): Promise<Fate> {
  const published = takers.map(({ url }) => {
    const name = createHash('sha256').update(url).digest('hex').slice(0, 16);
    const attributes = renderTelemetryAttributes({ ...envelope, destination: url });
    return bus.publish('telemetry.v1', { id: `${id}.${name}`, data, attributes });
  });
  const results = await Promise.allSettled(published);
  const isDone = results.every(({ status }) => status === 'fulfilled');
  return isDone ? { fate: 'done' } : { fate: 'failed', reason: 'the bus refused to fan out' };
}

/** One message that breaks us must not fail its whole batch. */
function unexpected(log: Log) {
  return (err: unknown): Fate => {
    log.error('a telemetry export could not be relayed', { err: AppError.from(err) });
    return { fate: 'failed', reason: 'internal error' };
  };
}

async function within(budgetMs: number, work: Promise<Fate>): Promise<Fate> {
  const { promise: timeUp, resolve } = Promise.withResolvers<Fate>();
  const timer = setTimeout(resolve, budgetMs, STILL_RUNNING);
  try {
    return await Promise.race([work, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

function resultOf(batch: readonly Delivery[], fates: readonly Fate[]): BatchResult {
  const withFate = (wanted: 'failed' | 'dead') =>
    batch.flatMap(({ id }, index) => {
      const fate = fates[index];
      return fate?.fate === wanted ? [{ id, reason: fate.reason }] : [];
    });
  return { failed: withFate('failed'), dead: withFate('dead') };
}
