// One configuration → one request listener. A reload builds the next one beside it; requests in
// flight end on the listener they began with.

import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { createHttpApp } from '#shared/http/app.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import type { Gates } from '#shared/http/gates.ts';
import type { Route } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createAdminRoutes } from '../control-plane/admin/routes.ts';
import { createOidcClient } from '../control-plane/login/oidc-client.ts';
import { createSignInRoutes } from '../control-plane/oauth/routes.ts';
import { createHealthRoutes, type HealthCheck } from '../data-plane/health.ts';
import { createPageRoutes } from '../data-plane/pages.ts';
import { createPolicyRoutes } from '../data-plane/policy-routes.ts';
import { createUsageReportRoute } from '../data-plane/usage-report.ts';
import type { Sessions } from './sessions.ts';
import { adminSettings, oidcOptions, telemetryDestinations, upstreamRefs } from './slices.ts';
import type { Snapshot } from './snapshot.ts';
import type { Stores } from './stores.ts';
import { VERSION } from './version.ts';

export interface AppDeps {
  readonly snapshot: Snapshot;
  /** Of the messages API: opened once, they outlive a configuration. */
  readonly messages: readonly Route[];
  readonly stores: Stores;
  readonly sessions: Sessions;
  readonly checks: readonly HealthCheck[];
  readonly clock: Clock;
  readonly log: Log;
}

const TELEMETRY_IN_FLIGHT_MAX = 256;

export function createApp(deps: AppDeps): RequestListener {
  const { snapshot, stores, sessions, clock, log } = deps;
  const { config } = snapshot;
  return createHttpApp({
    routes: [
      ...createHealthRoutes({ checks: deps.checks, clock }),
      ...createPageRoutes(),
      ...deps.messages,
      ...policyRoutes(deps),
      createUsageReportRoute({
        quota: stores.quota,
        admin: () => adminSettings(config),
        clock,
        log,
      }),
      ...signInRoutes(deps),
      ...createAdminRoutes({
        ...stores,
        verify: sessions.verifier.verify,
        settings: () => adminSettings(config),
        clock,
        log,
      }),
    ],
    verify: sessions.verifier.verify,
    isRevoked: ({ sub, sessionId, issuedAtMs }) =>
      stores.quota.isRevoked({ sub, sessionId, issuedAtMs }),
    gates: gates(config),
    tls: config.listen.tls !== undefined,
    clock,
    log,
  });
}

function policyRoutes({ snapshot, stores, log }: AppDeps): Route[] {
  const { config, policies, catalogue } = snapshot;
  const upstreams = upstreamRefs(config);
  const destinations = telemetryDestinations(config);
  return createPolicyRoutes({
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
  });
}

function signInRoutes(deps: AppDeps): Route[] {
  const { stores, sessions, clock, log } = deps;
  const { config } = deps.snapshot;
  const { device_authorization, device_verify } = config.rate_limits;
  const idp = oidcOptions(config);
  return createSignInRoutes({
    publicUrl: config.listen.public_url ?? null,
    idp: createOidcClient(idp, clock),
    claims: idp.claims,
    session: {
      ttlHours: config.session.ttl_hours,
      billingGroupTag: null,
      refreshAnswerSeconds: idp.timeoutSeconds,
    },
    grants: stores.grants,
    ...sessions,
    revoke: async (revocation) => {
      await stores.grants.addRevocation(revocation);
      await stores.quota.revoke(revocation);
    },
    seen: (person) => stores.admin.seen([{ ...person, lastSeenMs: clock.now() }]),
    clock,
    log,
    rateLimits: {
      deviceAuthorization: rateLimit(device_authorization),
      deviceVerify: rateLimit(device_verify),
    },
    loginNotice: config.login_notice ?? null,
  });
}

function rateLimit(limit: { max: number; window_seconds: number }) {
  return { max: limit.max, windowSeconds: limit.window_seconds };
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
