// Claude in Microsoft Foundry: Anthropic's own API on a host of the resource's, with the resource's key
// or a token of Microsoft Entra ID. What it refuses is said in the words that all clouds get.

import type { FoundryUpstreamConfig } from '#shared/config/schema-upstreams-cloud.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { TokenSource } from './access-token.ts';
import { anthropicFormat, PATHS } from './anthropic-format.ts';
import { cloudAnswers } from './cloud-answers.ts';
import type { Upstream } from './upstream.ts';

export interface FoundryOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of Microsoft's own; for tests. */
  readonly tokens?: TokenSource;
}

export async function openFoundryUpstream(
  config: FoundryUpstreamConfig,
  options: FoundryOptions,
): Promise<Upstream> {
  const { name } = config;
  const { version, log } = options;
  const base = new URL(
    config.base_url ?? `https://${config.resource}.services.ai.azure.com/anthropic`,
  );
  const prefix = base.pathname.replace(/\/+$/, '');
  const authenticate = await openAuthenticator(config, options);
  const format = { version, headers: config.headers };
  return {
    ref: {
      name,
      provider: 'foundry',
      models: config.models ?? null,
      groups: config.groups ?? null,
    },
    endpoint: 'global',
    region: null,
    async prepare(request) {
      const credential = await authenticate();
      const { headers, body } = anthropicFormat(request, format);
      headers.push(...credential);
      const path = `${prefix}${PATHS[request.operation]}`;
      return { origin: base.origin, path, headers, body };
    },
    ...cloudAnswers({ name, project: base.host, log }),
  };
}

type Credential = readonly [name: string, value: string];

/** Microsoft's library takes 0.7 s and 45 MB to load: only for whom it is. */
async function openAuthenticator(
  { auth }: FoundryUpstreamConfig,
  { clock, log, tokens: given }: FoundryOptions,
): Promise<() => Credential | Promise<Credential>> {
  if (auth.kind === 'api_key') return () => ['x-api-key', auth.secret.reveal()];
  const azure = given ?? (await import('./azure-token.ts')).createAzureTokens({ clock, log });
  return async () => ['authorization', `Bearer ${await azure.token()}`];
}
