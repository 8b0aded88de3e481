import type { Clock } from '#shared/domain/clock.ts';
import type { TelemetryEnvelope } from '#shared/events/telemetry-event.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type Circuit, createCircuit } from './circuit.ts';
import { overwriteIdentity } from './identity-rewrite.ts';
import type { ExportOutcome, OtlpExporter, TelemetryDestination } from './otlp-exporter.ts';

/** What became of a message: acknowledged, tried again later, or never to be tried again. */
export type Fate =
  | { readonly fate: 'done' }
  | { readonly fate: 'failed' | 'dead'; readonly reason: string };

export interface DelivererDeps {
  readonly export: OtlpExporter;
  readonly clock: Clock;
  readonly log: Log;
  readonly decodedBytesMax: number;
}

interface Line {
  readonly circuit: Circuit;
  inFlight: number;
}

/** So that a hanging destination costs a bounded number of sockets and copies. */
const IN_FLIGHT_PER_DESTINATION_MAX = 64;
const FAILURES_MAX = 5;
const OPEN_SECONDS = 30;

/** Overwrites the identity and sends to one destination; knows which destinations are failing. */
export function createDeliverer(deps: DelivererDeps) {
  const lines = new Map<string, Line>();
  const lineTo = (url: string): Line => {
    const options = { clock: deps.clock, failuresMax: FAILURES_MAX, openSeconds: OPEN_SECONDS };
    const line = lines.get(url) ?? { circuit: createCircuit(options), inFlight: 0 };
    lines.set(url, line);
    return line;
  };
  return async (
    destination: TelemetryDestination,
    envelope: TelemetryEnvelope,
    data: Uint8Array,
  ): Promise<Fate> => {
    const payload = { ...envelope, data };
    const rewrite = await overwriteIdentity(payload, envelope.identity, deps.decodedBytesMax);
    if (rewrite.outcome === 'malformed') return { fate: 'dead', reason: rewrite.reason };
    const line = lineTo(destination.url);
    if (line.inFlight >= IN_FLIGHT_PER_DESTINATION_MAX) {
      return { fate: 'failed', reason: 'the destination is busy' };
    }
    if (!line.circuit.admits()) return { fate: 'failed', reason: 'the destination is failing' };
    line.inFlight += 1;
    try {
      const outcome = await deps.export({ ...envelope, destination, data: rewrite.data });
      return fateOf(deps.log, destination, line.circuit, outcome);
    } finally {
      line.inFlight -= 1;
    }
  };
}

function fateOf(
  log: Log,
  { url }: TelemetryDestination,
  circuit: Circuit,
  outcome: ExportOutcome,
): Fate {
  const destination = new URL(url).host;
  if (outcome.outcome === 'failed') {
    const { reason, retryAfterSeconds } = outcome;
    if (circuit.failed(retryAfterSeconds)) {
      log.warn('telemetry destination is failing; its exports wait', { destination, reason });
    }
    return { fate: 'failed', reason: `${destination}: ${reason}` };
  }
  // A refusal is an answer: the destination works.
  if (circuit.succeeded()) log.info('telemetry destination works again', { destination });
  if (outcome.outcome === 'delivered') return { fate: 'done' };
  return { fate: 'dead', reason: `${destination}: ${outcome.reason}` };
}
