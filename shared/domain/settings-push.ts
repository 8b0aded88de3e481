// What the gateway adds to everybody's managed settings: where to send telemetry, and our prices.
// A policy's own `env` and `modelPricing` lie over it.

import type { JsonObject } from './canonical-json.ts';

export type Signal = 'metrics' | 'logs' | 'traces';

/** Which signals a telemetry destination takes. */
export type SignalSwitches = Readonly<Record<Signal, boolean>>;

export interface TelemetryPush {
  /** Null: clients cannot be told where to send, so nothing is pushed. */
  readonly publicUrl: string | null;
  readonly destinations: readonly SignalSwitches[];
  readonly resourceAttributes: Readonly<Record<string, string>>;
}

/** The variables of Claude Code's exporter; all three exporters may be `none`. */
export function telemetryEnv(push: TelemetryPush): Record<string, string> | null {
  if (push.publicUrl === null) return null;
  const exporter = (signal: Signal) =>
    push.destinations.some((to) => to[signal]) ? 'otlp' : 'none';
  const labels = Object.entries(push.resourceAttributes).map(([key, value]) => `${key}=${value}`);
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_METRICS_EXPORTER: exporter('metrics'),
    OTEL_LOGS_EXPORTER: exporter('logs'),
    OTEL_TRACES_EXPORTER: exporter('traces'),
    OTEL_EXPORTER_OTLP_ENDPOINT: push.publicUrl,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    ...(labels.length === 0 ? {} : { OTEL_RESOURCE_ATTRIBUTES: labels.join(',') }),
  };
}

export interface PricingPush {
  /** As configured; null where it is not. */
  readonly multiplier: number | null;
  /** USD per million tokens, as configured. */
  readonly overrides: readonly {
    readonly upstream: string;
    readonly model: string;
    readonly input: number;
    readonly output: number;
    readonly cacheRead: number;
    readonly cacheWrite: number;
  }[];
  /** The upstream that serves a model first. Clients know one price per model: that upstream's. */
  readonly firstUpstreamOf: (model: string) => string | null;
}

/** `modelPricing` as Claude Code reads it. Null: nothing to say. */
export function modelPricing(push: PricingPush): JsonObject | null {
  const told = push.overrides.filter(
    ({ model, upstream }) => push.firstUpstreamOf(model) === upstream,
  );
  if (push.multiplier === null && told.length === 0) return null;
  const rows = told.map(({ model, input, output, cacheRead, cacheWrite }) => {
    return [model, { input, output, cacheRead, cacheWrite }] as const;
  });
  return {
    ...(push.multiplier === null ? {} : { multiplier: push.multiplier }),
    ...(rows.length === 0 ? {} : { overrides: Object.fromEntries(rows) }),
  };
}
