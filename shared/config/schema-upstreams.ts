import { z } from 'zod';
import { flag, listOf, mapOf, section, text, textLike } from './field.ts';
import { anthropicAws, bedrock, mantle } from './schema-upstreams-aws.ts';
import { createSecret, type Secret } from './secret.ts';
import { common, credential } from './upstream-fields.ts';

export type AnthropicAuth = {
  readonly kind: 'api_key' | 'oauth_token';
  readonly secret: Secret;
};
export type VertexAuth =
  /** Application Default Credentials: what the machine or GOOGLE_APPLICATION_CREDENTIALS gives. */
  | { readonly kind: 'default' }
  | { readonly kind: 'key_file'; readonly path: string }
  | { readonly kind: 'key'; readonly json: Secret };

const ANTHROPIC_AUTH = 'exactly one of api_key and oauth_token';
const KEY_FILE = 'the path of a service account key file';
/** Anthropic's own API, or a proxy that speaks it. */
const anthropic = section({
  provider: z.literal('anthropic'),
  ...common,
  auth: section({
    /** Sent as x-api-key. */
    api_key: credential().optional(),
    /** Sent as a bearer with the oauth beta. */
    oauth_token: credential().optional(),
  }).transform(({ api_key, oauth_token }, context): AnthropicAuth => {
    if (api_key !== undefined && oauth_token === undefined) {
      return { kind: 'api_key', secret: api_key };
    }
    if (oauth_token !== undefined && api_key === undefined) {
      return { kind: 'oauth_token', secret: oauth_token };
    }
    context.addIssue({ code: 'custom', message: ANTHROPIC_AUTH });
    return z.NEVER;
  }),
  /** Send who asks in headers, to a proxy of yours at base_url. Default false. */
  forward_user_identity: flag().default(false),
});

/** Claude on Google Cloud's Vertex AI. */
const vertex = section({
  provider: z.literal('vertex'),
  ...common,
  /** A region like europe-west1, or `us`, `eu`, `global`. */
  region: textLike(/^[a-z][a-z0-9-]*$/, 'a region like europe-west1, or us, eu or global'),
  project_id: textLike(/^[a-z0-9][a-z0-9.:-]*$/, 'the id of a Google Cloud project'),
  /** Absent or empty: Application Default Credentials. */
  auth: section({
    /** Path of a service account's key file; the key's own JSON is accepted too. */
    service_account_json: text(KEY_FILE).optional(),
  })
    .transform(({ service_account_json: key }): VertexAuth => {
      if (key === undefined) return { kind: 'default' };
      return key.trimStart().startsWith('{')
        ? { kind: 'key', json: createSecret(key) }
        : { kind: 'key_file', path: key };
    })
    .prefault({}),
});

/** Adding a provider is a schema here, and in the transform below one line of its own. */
const PROVIDERS = [anthropic, vertex, bedrock, mantle, anthropicAws] as const;
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
export type VertexUpstreamConfig = Extract<UpstreamConfig, { provider: 'vertex' }>;
export type BedrockUpstreamConfig = Extract<UpstreamConfig, { provider: 'bedrock' }>;
export type MantleUpstreamConfig = Extract<UpstreamConfig, { provider: 'mantle' }>;
export type AnthropicAwsUpstreamConfig = Extract<UpstreamConfig, { provider: 'anthropicAws' }>;
export type ModelConfig = z.output<typeof modelsSchema>[number];
