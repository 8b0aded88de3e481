// Anthropic's platform as Google Cloud sells it: Anthropic's own API below a path of the project's, with
// a Google token in front. What it refuses is said in the words that all clouds get.

import type { AnthropicGoogleCloudUpstreamConfig } from '#shared/config/schema-upstreams-cloud.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { endpointClass } from '#shared/domain/endpoint-class.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { anthropicFormat, PATHS } from './anthropic-format.ts';
import { cloudAnswers } from './cloud-answers.ts';
import { createGoogleTokens, type GoogleTokens, googleCredential } from './google-token.ts';
import type { Upstream } from './upstream.ts';

const DEFAULT_BASE_URL = 'https://claude.googleapis.com';

export interface AnthropicGoogleCloudOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of Google's own; for tests. */
  readonly tokens?: GoogleTokens;
}

export function createAnthropicGoogleCloudUpstream(
  config: AnthropicGoogleCloudUpstreamConfig,
  { version, clock, log, tokens: given }: AnthropicGoogleCloudOptions,
): Upstream {
  const { name, project_id: project, location, workspace_id: workspace } = config;
  const base = new URL(config.base_url ?? DEFAULT_BASE_URL);
  const prefix = base.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  const place = `projects/${project}/locations/${location}/workspaces/${workspace}`;
  const tokens = given ?? createGoogleTokens(config.auth, { clock, log });
  const format = { version, headers: config.headers };
  return {
    ref: {
      name,
      provider: 'anthropicGoogleCloud',
      models: config.models ?? null,
      groups: config.groups ?? null,
    },
    endpoint: endpointClass(location),
    region: location,
    async prepare(request) {
      const credential = await googleCredential(tokens);
      const { headers, body } = anthropicFormat(request, format);
      headers.push(...credential);
      const path = `${prefix}/v1/${place}/invoke${PATHS[request.operation]}`;
      return { origin: base.origin, path, headers, body };
    },
    ...cloudAnswers({ name, project, log }),
  };
}
