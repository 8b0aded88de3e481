// What follows from a configuration and is asked for by requests: built once per file.

import type { GatewayConfig } from '#shared/config/schema.ts';
import { type Catalogue, createCatalogue } from '#shared/domain/catalogue.ts';
import type { PolicyBook } from '#shared/domain/policy.ts';
import { createPriceBook, type PriceBook } from '#shared/domain/pricing.ts';
import type { MessagesSettings } from '../data-plane/messages-deps.ts';
import type { Routing } from '../data-plane/plan.ts';
import { createRouting } from '../data-plane/routing.ts';
import type { Upstream } from '../data-plane/upstreams/upstream.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { hasDataPlane } from './plane.ts';
import { policyBook } from './policy-book.ts';
import { configuredModels, tierPlaces } from './slices.ts';
import { openUpstreams } from './upstreams.ts';

export interface Snapshot {
  readonly config: GatewayConfig;
  readonly catalogue: Catalogue;
  readonly policies: PolicyBook;
  readonly priceBook: PriceBook;
  readonly upstreams: readonly Upstream[];
  readonly routing: Routing;
  readonly settings: MessagesSettings;
}

export async function createSnapshot(
  config: GatewayConfig,
  { plane, clock, log }: Pick<GatewayOptions, 'plane' | 'clock' | 'log'>,
): Promise<Snapshot> {
  const catalogue = createCatalogue({
    models: configuredModels(config),
    autoIncludeBuiltinModels: config.auto_include_builtin_models,
  });
  return {
    config,
    catalogue,
    policies: policyBook(config, catalogue, clock.now()),
    priceBook: createPriceBook(config.pricing),
    // Nobody else asks them, and a provider's library is large.
    upstreams: hasDataPlane(plane) ? await openUpstreams(config, clock, log) : [],
    routing: createRouting({ ...config.routing, places: tierPlaces(config) }),
    settings: messagesSettings(config),
  };
}

function messagesSettings(config: GatewayConfig): MessagesSettings {
  return {
    reservation: config.enforcement.reservation,
    groupLimitMode: config.admin?.group_limit_mode ?? 'min',
    failClosedOnError: config.enforcement.fail_closed_on_error,
    blockedMessage: config.admin?.blocked_message ?? null,
    ttfbMs: config.timeouts.upstream_ttfb_ms,
    maxRequestBytes: config.limits.max_request_bytes,
    capsEnabled: config.admin !== undefined,
    reservationTtlMs: config.enforcement.reservation_ttl_seconds * 1000,
    billingGroupTag: config.admin?.billing_group_tag ?? null,
  };
}
