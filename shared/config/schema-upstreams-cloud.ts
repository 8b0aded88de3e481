// Google's and Microsoft's clouds, where Claude is sold.

import { z } from 'zod';
import { field, section, text, textLike } from './field.ts';
import { createSecret, type Secret } from './secret.ts';
import { common, credential } from './upstream-fields.ts';

export type GoogleAuthConfig =
  /** Application Default Credentials: what the machine or GOOGLE_APPLICATION_CREDENTIALS gives. */
  | { readonly kind: 'default' }
  | { readonly kind: 'key_file'; readonly path: string }
  | { readonly kind: 'key'; readonly json: Secret };
export type FoundryAuth =
  | { readonly kind: 'api_key'; readonly secret: Secret }
  /** Whatever identity of Microsoft Entra ID the machine has. */
  | { readonly kind: 'azure_ad' };

const KEY_FILE = 'the path of a service account key file';
const PROJECT = 'the id of a Google Cloud project';
const FOUNDRY_AUTH = 'exactly one of api_key and use_azure_ad: true';

const projectId = () => textLike(/^[a-z0-9][a-z0-9.:-]*$/, PROJECT);
const LOCATION = /^[a-z][a-z0-9-]*$/;

/** Absent or empty: Application Default Credentials. */
const googleAuth = () =>
  section({
    /** Path of a service account's key file; the key's own JSON is accepted too. */
    service_account_json: text(KEY_FILE).optional(),
  })
    .transform(({ service_account_json: key }): GoogleAuthConfig => {
      if (key === undefined) return { kind: 'default' };
      return key.trimStart().startsWith('{')
        ? { kind: 'key', json: createSecret(key) }
        : { kind: 'key_file', path: key };
    })
    .prefault({});

/** Claude on Google Cloud's Vertex AI. */
export const vertex = section({
  provider: z.literal('vertex'),
  ...common,
  /** A region like europe-west1, or `us`, `eu`, `global`. */
  region: textLike(LOCATION, 'a region like europe-west1, or us, eu or global'),
  project_id: projectId(),
  auth: googleAuth(),
});

/** Anthropic's platform, as Google Cloud sells it. */
export const anthropicGoogleCloud = section({
  provider: z.literal('anthropicGoogleCloud'),
  ...common,
  project_id: projectId(),
  /** Anthropic's workspace that belongs to the project. */
  workspace_id: textLike(/^[\w-]+$/, 'the id of a workspace like wrkspc_01AbC'),
  /** Where requests are served. */
  location: textLike(LOCATION, 'a location like global').default('global'),
  auth: googleAuth(),
});

/** Claude in Microsoft Foundry. */
export const foundry = section({
  provider: z.literal('foundry'),
  ...common,
  /** The first part of its host. A base_url stands in its place. */
  resource: textLike(/^[a-z0-9][a-z0-9-]*$/i, 'the name of a Foundry resource').optional(),
  auth: section({
    /** Sent as x-api-key. */
    api_key: credential().optional(),
    /** `true`: a token of Microsoft Entra ID, of whatever identity the machine has. */
    use_azure_ad: field('true', (value) =>
      String(value) === 'true' ? true : undefined,
    ).optional(),
  }).transform(({ api_key, use_azure_ad }, context): FoundryAuth => {
    if (api_key !== undefined && use_azure_ad === undefined) {
      return { kind: 'api_key', secret: api_key };
    }
    if (use_azure_ad && api_key === undefined) return { kind: 'azure_ad' };
    context.addIssue({ code: 'custom', message: FOUNDRY_AUTH });
    return z.NEVER;
  }),
});

export type VertexUpstreamConfig = z.output<typeof vertex> & { readonly name: string };
export type AnthropicGoogleCloudUpstreamConfig = z.output<typeof anthropicGoogleCloud> & {
  readonly name: string;
};
export type FoundryUpstreamConfig = z.output<typeof foundry> & { readonly name: string };
