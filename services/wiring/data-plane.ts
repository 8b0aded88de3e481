// The data plane of this process: opened once, it outlives configurations.

import { randomUUID } from 'node:crypto';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Route } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { openControlPlaneRoutes } from '../data-plane/control-plane-routes.ts';
import { openOwnMetrics } from '../data-plane/own-metrics.ts';
import { createMessagesRoutes } from '../data-plane/routes.ts';
import type { Plane } from './plane.ts';
import { telemetryDestinations } from './slices.ts';
import type { Snapshot } from './snapshot.ts';
import type { DataStores } from './stores/stores.ts';
import { VERSION } from './version.ts';

/** As clients of OTLP do. */
const METRICS_EVERY_MS = 60_000;

export interface DataPlaneDeps {
  readonly stores: DataStores;
  readonly current: () => Snapshot;
  readonly plane: Plane;
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly log: Log;
}

export interface DataPlane extends AsyncDisposable {
  readonly routes: readonly Route[];
  drain(waitMs: number): Promise<void>;
  /** A sentence on each upstream that is passed over for now. */
  passedOver(): string[];
}

export function openDataPlane(deps: DataPlaneDeps): DataPlane {
  const { stores, current, plane, clock, log } = deps;
  const opened = new AsyncDisposableStack();
  const messages = opened.use(
    createMessagesRoutes({
      ...stores,
      policy: () => current().policies,
      catalogue: () => current().catalogue,
      priceBook: () => current().priceBook,
      upstreams: () => current().upstreams,
      routing: () => current().routing,
      settings: () => current().settings,
      clock,
      log,
    }),
  );
  opened.use(
    openOwnMetrics({
      vitals: messages.vitals,
      bus: stores.bus,
      destinations: () => telemetryDestinations(current().config),
      resource: { version: VERSION, instanceId: randomUUID() },
      everyMs: METRICS_EVERY_MS,
      newId: randomUUID,
      clock,
      log,
    }),
  );
  const { url } = deps.config.control_plane;
  const elsewhere =
    plane === 'data' && url !== undefined ? opened.use(openControlPlaneRoutes(url)) : null;
  return {
    routes: [...messages.routes, ...(elsewhere?.routes ?? [])],
    drain: messages.drain,
    passedOver: messages.passedOver,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
