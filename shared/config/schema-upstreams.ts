import { z } from 'zod';
import { anthropicAuth } from './anthropic-auth.ts';
import { flag, listOf, mapOf, section, text } from './field.ts';
import { anthropicAws, bedrock, mantle } from './schema-upstreams-aws.ts';
import { anthropicGoogleCloud, foundry, vertex } from './schema-upstreams-cloud.ts';
import { common } from './upstream-fields.ts';

/** Anthropic's own API, or a proxy that speaks it. */
const anthropic = section({
  provider: z.literal('anthropic'),
  ...common,
  auth: anthropicAuth,
  /** Send who asks in headers, to a proxy of yours at base_url. Default false. */
  forward_user_identity: flag().default(false),
});

/** Adding a provider is a schema here, and in the transform below one line of its own. */
const PROVIDERS = [
  anthropic,
  vertex,
  anthropicGoogleCloud,
  foundry,
  bedrock,
  mantle,
  anthropicAws,
] as const;
const PROVIDER_NAMES = PROVIDERS.map(({ shape }) => shape.provider.value).join(', ');

const named = <U extends { provider: string; name?: string | undefined }>(upstream: U) => ({
  ...upstream,
  name: upstream.name ?? upstream.provider,
});

/** Each by itself: the type of a union's spread would be no union any more. */
function withName(upstream: z.output<(typeof PROVIDERS)[number]>) {
  switch (upstream.provider) {
    case 'anthropic':
      return named(upstream);
    case 'vertex':
      return named(upstream);
    case 'anthropicGoogleCloud':
      return named(upstream);
    case 'foundry':
      return named(upstream);
    case 'bedrock':
      return named(upstream);
    case 'mantle':
      return named(upstream);
    case 'anthropicAws':
      return named(upstream);
  }
}

/** Where models are, in the order in which they are tried. */
export const upstreamsSchema = listOf(
  z
    .discriminatedUnion('provider', PROVIDERS, {
      error: (issue) =>
        issue.code === 'invalid_union'
          ? `one of ${PROVIDER_NAMES}`
          : `a mapping with a provider (${PROVIDER_NAMES}) and its keys`,
    })
    .transform(withName),
  'a list with at least one upstream',
  1,
);

/** Models beside the built-in ones, or built-in ones under other upstream ids. */
export const modelsSchema = listOf(
  section({
    /** What clients call it. */
    id: text(),
    /** What /v1/models shows. Absent: the id. */
    label: text().optional(),
    description: text().optional(),
    /** Upstream name → the id that upstream takes. Only these upstreams serve the model. */
    upstream_model: mapOf(text(), 'a mapping from upstream names to model ids').refine(
      (map) => Object.keys(map).length > 0,
      { error: 'a mapping from at least one upstream name to the model id there' },
    ),
  }),
  'a list of models',
).default([]);

export type UpstreamConfig = z.output<typeof upstreamsSchema>[number];
export type AnthropicUpstreamConfig = Extract<UpstreamConfig, { provider: 'anthropic' }>;
export type BedrockUpstreamConfig = Extract<UpstreamConfig, { provider: 'bedrock' }>;
export type MantleUpstreamConfig = Extract<UpstreamConfig, { provider: 'mantle' }>;
export type AnthropicAwsUpstreamConfig = Extract<UpstreamConfig, { provider: 'anthropicAws' }>;
export type ModelConfig = z.output<typeof modelsSchema>[number];
