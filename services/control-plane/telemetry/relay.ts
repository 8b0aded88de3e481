// telemetry.v1 → every destination that takes the signal. A message for one destination is
// delivered; a message for several is first published again, once per destination.

import type { Clock } from '#shared/domain/clock.ts';
import {
  parseTelemetryAttributes,
  renderTelemetryAttributes,
} from '#shared/events/telemetry-event.ts';
import type { Delivery, Subscription, UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { fanOut } from '../delivery/fan-out.ts';
import { type Fate, subscribePatiently } from '../delivery/patient-subscription.ts';
import { createDeliverer } from './deliverer.ts';
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

/** Subscribes at once; disposing waits for deliveries that have begun. */
export function createTelemetryRelay(deps: TelemetryRelayDeps): Subscription {
  const { bus, log, batchBudgetMs = 2000, decodedBytesMax = 64 * 1024 * 1024 } = deps;
  const deliver = createDeliverer({ ...deps, decodedBytesMax });
  return subscribePatiently({
    bus,
    topic: 'telemetry.v1',
    handle: (delivery) => handle(deps, deliver, delivery),
    log,
    brokenWords: 'a telemetry export could not be relayed',
    batchBudgetMs,
  });
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
    const branches = takers.map(({ url }) => ({
      key: url,
      attributes: renderTelemetryAttributes({ ...envelope, destination: url }),
    }));
    return fanOut(deps.bus, 'telemetry.v1', delivery, branches);
  }
  const to = takers.find(
    ({ url }) => envelope.destination === null || url === envelope.destination,
  );
  if (to !== undefined) return deliver(to, envelope, delivery.data);
  if (envelope.destination === null) return { fate: 'done' };
  return { fate: 'dead', reason: 'its destination is no longer configured' };
}
