// The gateway's own metrics, as OTLP/JSON, on the way that clients' telemetry takes: onto the bus, and
// from the control plane to every destination that takes metrics. Gauges of this process, each minute.
//
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: 64-bit integers are strings.

import type { Clock } from '#shared/domain/clock.ts';
import type { SignalSwitches } from '#shared/domain/settings-push.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { renderTelemetryAttributes } from '#shared/events/telemetry-event.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { CircuitState } from './circuits.ts';

/** What the data plane knows of itself. */
export interface Vitals {
  circuits(): CircuitState[];
  /** Requests that hold a reservation. */
  openRequests(): number;
}

export interface OwnMetricsDeps {
  readonly vitals: Vitals;
  readonly bus: Pick<UsageBus, 'publish'>;
  /** Those of the configuration in force; nothing is sent where none takes metrics. */
  readonly destinations: () => readonly SignalSwitches[];
  readonly resource: OwnResource;
  readonly everyMs: number;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OwnResource {
  readonly version: string;
  /** One per process. */
  readonly instanceId: string;
}

export interface OwnMetrics extends Disposable {
  /** Sends once; the timer calls it. Never rejects. */
  send(): Promise<void>;
}

export function openOwnMetrics(deps: OwnMetricsDeps): OwnMetrics {
  const { vitals, bus, clock, log, resource } = deps;
  const attributes = renderTelemetryAttributes({
    signal: 'metrics',
    contentType: 'application/json',
    contentEncoding: '',
    identity: null,
    destination: null,
  });
  async function send(): Promise<void> {
    if (!deps.destinations().some(({ metrics }) => metrics)) return;
    try {
      const data = Buffer.from(JSON.stringify(renderOwnMetrics(vitals, resource, clock.now())));
      await bus.publish('telemetry.v1', { id: deps.newId(), data, attributes });
    } catch (caught) {
      // The next minute's are as good.
      log.warn('metrics of the gateway itself were not sent', { err: AppError.from(caught) });
    }
  }
  const timer = setInterval(() => void send(), deps.everyMs).unref();
  return { send, [Symbol.dispose]: () => clearInterval(timer) };
}

/** An ExportMetricsServiceRequest. Pure. */
export function renderOwnMetrics(vitals: Vitals, resource: OwnResource, nowMs: number): object {
  const timeUnixNano = `${nowMs}000000`;
  const point = (value: number, labels: Readonly<Record<string, string | null>> = {}) => ({
    attributes: attributesOf(labels),
    timeUnixNano,
    asInt: String(value),
  });
  const circuits = vitals.circuits().map(({ upstream, model, operation, isOpen }) => {
    const labels = { upstream, model, operation: model === null ? null : operation };
    return point(isOpen ? 1 : 0, labels);
  });
  const metrics = [
    gauge('tallygate.requests.open', '{request}', [point(vitals.openRequests())]),
    ...(circuits.length === 0 ? [] : [gauge('tallygate.upstream.circuit.open', '1', circuits)]),
  ];
  const { version, instanceId } = resource;
  const own = {
    'service.name': 'tallygate',
    'service.version': version,
    'service.instance.id': instanceId,
  };
  const scopeMetrics = [{ scope: { name: 'tallygate', version }, metrics }];
  return { resourceMetrics: [{ resource: { attributes: attributesOf(own) }, scopeMetrics }] };
}

function gauge(name: string, unit: string, dataPoints: readonly object[]): object {
  return { name, unit, gauge: { dataPoints } };
}

function attributesOf(labels: Readonly<Record<string, string | null>>): object[] {
  return Object.entries(labels).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: { stringValue: value } }],
  );
}
