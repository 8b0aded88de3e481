import type { Clock } from '#shared/domain/clock.ts';
import type { TelemetryEnvelope } from '#shared/events/telemetry-event.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createLines } from '../delivery/lines.ts';
import type { Fate } from '../delivery/patient-subscription.ts';
import { overwriteIdentity } from './identity-rewrite.ts';
import type { OtlpExporter, TelemetryDestination } from './otlp-exporter.ts';

export interface DelivererDeps {
  readonly export: OtlpExporter;
  readonly clock: Clock;
  readonly log: Log;
  readonly decodedBytesMax: number;
}

/** Overwrites the identity and sends to one destination; knows which destinations are failing. */
export function createDeliverer(deps: DelivererDeps) {
  const sendOver = createLines({
    ...deps,
    words: {
      failing: 'telemetry destination is failing; its exports wait',
      works: 'telemetry destination works again',
    },
  });
  return async (
    destination: TelemetryDestination,
    envelope: TelemetryEnvelope,
    data: Uint8Array,
  ): Promise<Fate> => {
    const { identity } = envelope;
    const payload = { ...envelope, data };
    const rewrite =
      identity === null
        ? { outcome: 'rewritten' as const, data }
        : await overwriteIdentity(payload, identity, deps.decodedBytesMax);
    if (rewrite.outcome === 'malformed') return { fate: 'dead', reason: rewrite.reason };
    const { url } = destination;
    return sendOver({ key: url, host: new URL(url).host }, () =>
      deps.export({ ...envelope, destination, data: rewrite.data }),
    );
  };
}
