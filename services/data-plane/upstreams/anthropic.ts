// Anthropic's API, or a proxy that speaks it: same path, same body, another key.

import type { AnthropicUpstreamConfig } from '#shared/config/schema-upstreams.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { HeaderList } from '../relay-headers.ts';
import { anthropicFormat, PATHS } from './anthropic-format.ts';
import { createFederatedTokens } from './federation-token.ts';
import type { PreparedRequest, Upstream, UpstreamRequest } from './upstream.ts';

const DEFAULT_BASE_URL = 'https://api.anthropic.com';
const OAUTH_BETA = 'oauth-2025-04-20';

export interface AnthropicOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

export function createAnthropicUpstream(
  config: AnthropicUpstreamConfig,
  options: AnthropicOptions,
): Upstream {
  const base = new URL(config.base_url ?? DEFAULT_BASE_URL);
  const prefix = base.pathname.replace(/\/+$/, '');
  const authenticate = authenticator(config, `${base.origin}${prefix}`, options);
  const addBetas = config.auth.kind === 'api_key' ? [] : [OAUTH_BETA];
  const format = { version: options.version, headers: config.headers, addBetas };

  function put(request: UpstreamRequest, credential: Credential): PreparedRequest {
    const { headers, body } = anthropicFormat(request, format);
    headers.push(...credential);
    if (config.forward_user_identity) addIdentity(headers, request.principal);
    const path = `${prefix}${PATHS[request.operation]}${request.search}`;
    return { origin: base.origin, path, headers, body };
  }

  return {
    ref: {
      name: config.name,
      provider: 'anthropic',
      models: config.models ?? null,
      groups: config.groups ?? null,
    },
    endpoint: 'global',
    region: null,
    prepare(request) {
      const credential = authenticate();
      return credential instanceof Promise
        ? credential.then((fresh) => put(request, fresh))
        : put(request, credential);
    },
    translateError: (reply) => reply,
    translateStreamError: null,
  };
}

type Credential = readonly [name: string, value: string];

function authenticator(
  { auth }: AnthropicUpstreamConfig,
  baseUrl: string,
  options: AnthropicOptions,
): () => Credential | Promise<Credential> {
  switch (auth.kind) {
    case 'api_key':
      return () => ['x-api-key', auth.secret.reveal()];
    case 'oauth_token':
      return () => ['authorization', `Bearer ${auth.secret.reveal()}`];
    case 'federation': {
      const tokens = createFederatedTokens(auth, { baseUrl, ...options });
      return async () => ['authorization', `Bearer ${await tokens.token()}`];
    }
  }
}

/** For a proxy of the operator's own; a client's copies of these never pass. */
function addIdentity(headers: HeaderList, { sub, email }: Principal): void {
  headers.push('x-claude-gateway-user-id', asHeaderValue(sub));
  if (email === null) return;
  headers.push('x-claude-gateway-user-email', asHeaderValue(email));
  headers.push('x-litellm-end-user-id', asHeaderValue(email));
}

/** Percent-encodes what no header value may hold, and `%` itself. */
function asHeaderValue(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]+/gu, (part) =>
    encodeURIComponent(part.toWellFormed()),
  );
}
