// Managed policies and what the gateway adds to them: where to send telemetry, and our prices.

import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Catalogue } from '#shared/domain/catalogue.ts';
import { endpointClass } from '#shared/domain/endpoint-class.ts';
import { createPolicyBook, type PolicyBook } from '#shared/domain/policy.ts';
import { simpleOverrides } from '#shared/domain/price-override.ts';
import { modelPricing, telemetryEnv } from '#shared/domain/settings-push.ts';
import { policies, upstreamRefs } from './slices.ts';

/** `nowMs`: prices of that instant are pushed; those that begin later are with the next load. */
export function policyBook(config: GatewayConfig, catalogue: Catalogue, nowMs: number): PolicyBook {
  const { telemetry, pricing } = config;
  const refs = upstreamRefs(config);
  const usdPerMTok = (microUsd: number) => microUsd / 1_000_000;
  const env =
    telemetry === undefined
      ? null
      : telemetryEnv({
          publicUrl: config.listen.public_url ?? null,
          destinations: telemetry.forward_to,
          resourceAttributes: telemetry.resource_attributes,
        });
  const firstUpstreamOf = (model: string) =>
    refs.find((ref) => catalogue.upstreamId(model, ref) !== null)?.name ?? null;
  const endpointOf = (name: string) => {
    const upstream = config.upstreams.find((one) => one.name === name);
    return endpointClass(upstream?.provider === 'vertex' ? upstream.region : null);
  };
  const overrides = simpleOverrides(pricing.overrides, nowMs, endpointOf).map((row) => ({
    upstream: row.upstream,
    model: row.model,
    input: usdPerMTok(row.inputMicroUsdPerMTok),
    output: usdPerMTok(row.outputMicroUsdPerMTok),
    cacheRead: usdPerMTok(row.cacheReadMicroUsdPerMTok),
    cacheWrite: usdPerMTok(row.cacheWriteMicroUsdPerMTok),
  }));
  const multiplier =
    pricing.multiplierMillionths === 1_000_000 ? null : pricing.multiplierMillionths / 1_000_000;
  return createPolicyBook({
    policies: policies(config),
    mode: config.managed?.policy_mode ?? 'first_match',
    push: { env, modelPricing: modelPricing({ multiplier, overrides, firstUpstreamOf }) },
  });
}
