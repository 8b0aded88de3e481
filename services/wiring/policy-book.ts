// Managed policies and what the gateway adds to them: where to send telemetry, and our prices.

import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Catalogue } from '#shared/domain/catalogue.ts';
import { createPolicyBook, type PolicyBook } from '#shared/domain/policy.ts';
import { modelPricing, telemetryEnv } from '#shared/domain/settings-push.ts';
import { policies, upstreamRefs } from './slices.ts';

export function policyBook(config: GatewayConfig, catalogue: Catalogue): PolicyBook {
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
  const overrides = pricing.overrides.map((row) => ({
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
