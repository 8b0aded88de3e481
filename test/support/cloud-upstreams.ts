// Upstreams of clouds that speak Anthropic's own format, with credentials of the test's.

import { createSecret } from '#shared/config/secret.ts';
import { createAnthropicUpstream } from '../../services/data-plane/upstreams/anthropic.ts';
import { createAnthropicGoogleCloudUpstream } from '../../services/data-plane/upstreams/anthropic-google-cloud.ts';
import { openFoundryUpstream } from '../../services/data-plane/upstreams/foundry.ts';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { createTestClock } from './clock.ts';
import { createMemoryLog } from './log.ts';
import { PROJECT } from './vertex.ts';

export const FOUNDRY_RESOURCE = 'example-foundry';

export interface CloudSketch {
  readonly name?: string;
  /** Default: the provider's own endpoint. */
  readonly baseUrl?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly log?: ReturnType<typeof createMemoryLog>;
  /** Instead of a token that always holds. */
  readonly token?: () => Promise<string>;
}

const TOKEN = async (): Promise<string> => 'cloud-token';

function optionsOf({ log }: CloudSketch) {
  return { version: '0.0.0-test', clock: createTestClock(), log: log ?? createMemoryLog() };
}

function commonOf({ name, baseUrl, headers = {} }: CloudSketch, provider: string) {
  const secrets = Object.entries(headers).map(([key, value]) => [key, createSecret(value)]);
  return {
    name: name ?? provider,
    headers: Object.fromEntries(secrets),
    ...(baseUrl === undefined ? {} : { base_url: baseUrl }),
  };
}

/** With a key, or as the machine's identity where `token` is given. */
export function foundryAt(sketch: CloudSketch = {}): Promise<Upstream> {
  const { token } = sketch;
  return openFoundryUpstream(
    {
      ...commonOf(sketch, 'foundry'),
      provider: 'foundry',
      ...(sketch.baseUrl === undefined ? { resource: FOUNDRY_RESOURCE } : {}),
      auth:
        token === undefined
          ? { kind: 'api_key', secret: createSecret('azure-key') }
          : { kind: 'azure_ad' },
    },
    { ...optionsOf(sketch), ...(token === undefined ? {} : { tokens: { token } }) },
  );
}

export function anthropicGoogleCloudAt(sketch: CloudSketch = {}): Upstream {
  return createAnthropicGoogleCloudUpstream(
    {
      ...commonOf(sketch, 'anthropicGoogleCloud'),
      provider: 'anthropicGoogleCloud',
      project_id: PROJECT,
      workspace_id: 'wrkspc_1',
      location: 'global',
      auth: { kind: 'default' },
    },
    { ...optionsOf(sketch), tokens: { token: sketch.token ?? TOKEN, quotaProject: () => null } },
  );
}

export function anthropicOauthAt(sketch: CloudSketch): Upstream {
  return createAnthropicUpstream(
    {
      ...commonOf(sketch, 'anthropic'),
      provider: 'anthropic',
      auth: { kind: 'oauth_token', secret: createSecret('oauth-token') },
      forward_user_identity: false,
    },
    optionsOf(sketch),
  );
}
