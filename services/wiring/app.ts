// One configuration → one request listener. A reload builds the next one beside it; requests in
// flight end on the listener they began with.

import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { GatewayConfig } from '#shared/config/schema.ts';
import { type Catalogue, createCatalogue } from '#shared/domain/catalogue.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { PolicyBook } from '#shared/domain/policy.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import { createHttpApp } from '#shared/http/app.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import type { Gates } from '#shared/http/gates.ts';
import type { Route } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createAdminRoutes } from '../control-plane/admin/routes.ts';
import { createOidcClient } from '../control-plane/login/oidc-client.ts';
import { createSignInRoutes } from '../control-plane/oauth/routes.ts';
import type { Emitter } from '../data-plane/emit.ts';
import { createHealthRoutes, type HealthCheck } from '../data-plane/health.ts';
import type { LiveRequests } from '../data-plane/live-requests.ts';
import { createPageRoutes } from '../data-plane/pages.ts';
import { createPolicyRoutes } from '../data-plane/policy-routes.ts';
import { createMessagesRoutes } from '../data-plane/routes.ts';
import { createAnthropicUpstream } from '../data-plane/upstreams/anthropic.ts';
import type { Upstream } from '../data-plane/upstreams/upstream.ts';
import { createVertexUpstream } from '../data-plane/upstreams/vertex.ts';
import { createUsageReportRoute } from '../data-plane/usage-report.ts';
import { policyBook } from './policy-book.ts';
import type { Sessions } from './sessions.ts';
import {
  adminSettings,
  configuredModels,
  oidcOptions,
  telemetryDestinations,
  upstreamRefs,
} from './slices.ts';
import type { Stores } from './stores.ts';
import { VERSION } from './version.ts';

export interface AppDeps {
  readonly config: GatewayConfig;
  readonly stores: Stores;
  readonly sessions: Sessions;
  readonly emitter: Emitter;
  readonly live: LiveRequests;
  readonly checks: readonly HealthCheck[];
  readonly clock: Clock;
  readonly log: Log;
}

const TELEMETRY_IN_FLIGHT_MAX = 256;

export function createApp(deps: AppDeps): RequestListener {
  const { config, stores, sessions, clock, log } = deps;
  const catalogue = createCatalogue({
    models: configuredModels(config),
    autoIncludeBuiltinModels: config.auto_include_builtin_models,
  });
  const book = policyBook(config, catalogue);
  return createHttpApp({
    routes: [
      ...createHealthRoutes({ checks: deps.checks, clock }),
      ...createPageRoutes(),
      ...messagesRoutes(deps, catalogue, book),
      ...policyRoutes(deps, catalogue, book),
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

function messagesRoutes(deps: AppDeps, catalogue: Catalogue, policy: PolicyBook): Route[] {
  const { config } = deps;
  const priceBook = createPriceBook(config.pricing);
  const upstreams = config.upstreams.map((upstream): Upstream => {
    const options = { version: VERSION, clock: deps.clock, log: deps.log };
    return upstream.provider === 'anthropic'
      ? createAnthropicUpstream(upstream, options)
      : createVertexUpstream(upstream, options);
  });
  const settings = {
    reservation: config.enforcement.reservation,
    groupLimitMode: config.admin?.group_limit_mode ?? 'min',
    failClosedOnError: config.enforcement.fail_closed_on_error,
    blockedMessage: config.admin?.blocked_message ?? null,
    ttfbMs: config.timeouts.upstream_ttfb_ms,
    maxRequestBytes: config.limits.max_request_bytes,
    capsEnabled: config.admin !== undefined,
  };
  return createMessagesRoutes({
    ...deps,
    quota: deps.stores.quota,
    policy,
    catalogue: () => catalogue,
    priceBook: () => priceBook,
    upstreams: () => upstreams,
    settings: () => settings,
    version: VERSION,
  });
}

function policyRoutes(deps: AppDeps, catalogue: Catalogue, book: PolicyBook): Route[] {
  const { config, stores, log } = deps;
  const upstreams = upstreamRefs(config);
  const destinations = telemetryDestinations(config);
  return createPolicyRoutes({
    policies: () => book,
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
  const { config, stores, sessions, clock, log } = deps;
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
