// One configuration → one request listener. A reload builds the next one beside it; requests in
// flight end on the listener they began with.

import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { createHttpApp, type HttpAppOptions } from '#shared/http/app.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import type { Gates } from '#shared/http/gates.ts';
import { createHealthRoutes, type HealthCheck } from '#shared/http/health.ts';
import type { Route } from '#shared/http/route.ts';
import type { SessionVerifier } from '#shared/identity/session-token.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createPageRoutes } from '../data-plane/pages.ts';
import { createPolicyRoutes } from '../data-plane/policy-routes.ts';
import { createUsageReportRoute } from '../data-plane/usage-report.ts';
import { adminSettings, telemetryDestinations, upstreamRefs } from './slices.ts';
import type { Snapshot } from './snapshot.ts';
import type { DataStores } from './stores/stores.ts';
import { VERSION } from './version.ts';

export interface AppDeps {
  readonly snapshot: Snapshot;
  /** Of the planes that this process has, beside those that are built here. */
  readonly routes: readonly Route[];
  /** Null: this process has no data plane. */
  readonly data: DataStores | null;
  readonly isRevoked: HttpAppOptions['isRevoked'];
  readonly verifier: SessionVerifier;
  readonly checks: readonly HealthCheck[];
  readonly overload: NonNullable<HttpAppOptions['overload']>;
  readonly clock: Clock;
  readonly log: Log;
}

const TELEMETRY_IN_FLIGHT_MAX = 256;

export function createApp(deps: AppDeps): RequestListener {
  const { snapshot, data, clock, log } = deps;
  const { config } = snapshot;
  return createHttpApp({
    routes: [
      ...createHealthRoutes({ checks: deps.checks, clock }),
      ...createPageRoutes(),
      ...deps.routes,
      ...(data === null ? [] : dataRoutes(deps, data)),
    ],
    verify: deps.verifier.verify,
    isRevoked: deps.isRevoked,
    gates: gates(config),
    overload: deps.overload,
    tls: config.listen.tls !== undefined,
    clock,
    log,
  });
}

function dataRoutes({ snapshot, clock, log }: AppDeps, stores: DataStores): Route[] {
  const { config, policies, catalogue } = snapshot;
  const upstreams = upstreamRefs(config);
  const destinations = telemetryDestinations(config);
  return [
    ...createPolicyRoutes({
      policies: () => policies,
      catalogue: () => catalogue,
      upstreams: () => upstreams,
      version: VERSION,
      log,
      telemetry: {
        bus: stores.bus,
        destinations: () => destinations,
        newId: randomUUID,
        inFlightMax: TELEMETRY_IN_FLIGHT_MAX,
        bodyBytesMax: config.limits.max_request_bytes,
      },
    }),
    createUsageReportRoute({
      quota: stores.quota,
      admin: () => adminSettings(config),
      clock,
      log,
    }),
  ];
}

function gates({ listen, access_control, limits }: GatewayConfig): Gates {
  return {
    trustedProxies: createAddressList(listen.trusted_proxies),
    allow: createAddressList(access_control.allow_cidrs),
    deny: createAddressList(access_control.deny_cidrs),
    requestBytesMax: limits.max_request_bytes,
    headerBytesMax: limits.max_request_header_bytes ?? null,
    urlCharsMax: limits.max_url_length ?? null,
  };
}
