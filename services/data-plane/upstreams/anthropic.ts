// Anthropic's API, or a proxy that speaks it: same path, same body, another key.

import type { AnthropicUpstreamConfig } from '#shared/config/schema-upstreams.ts';
import type { Principal } from '#shared/domain/principal.ts';
import { type HeaderList, TAGS_BETA, upstreamHeaders } from '../relay-headers.ts';
import { spliceBody } from '../splice.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

const DEFAULT_BASE_URL = 'https://api.anthropic.com';
const OAUTH_BETA = 'oauth-2025-04-20';
const PATHS = { messages: '/v1/messages', count_tokens: '/v1/messages/count_tokens' } as const;

export function createAnthropicUpstream(
  config: AnthropicUpstreamConfig,
  { version }: { readonly version: string },
): Upstream {
  const base = new URL(config.base_url ?? DEFAULT_BASE_URL);
  const prefix = base.pathname.replace(/\/+$/, '');
  const isOauth = config.auth.kind === 'oauth_token';
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
      const headers = upstreamHeaders(request.headers, {
        format: 'anthropic',
        version,
        addBetas: isOauth ? [OAUTH_BETA] : [],
        dropBetas: request.dropTags ? [TAGS_BETA] : [],
      });
      const secret = config.auth.secret.reveal();
      if (isOauth) headers.push('authorization', `Bearer ${secret}`);
      else headers.push('x-api-key', secret);
      for (const [name, value] of Object.entries(config.headers)) {
        headers.push(name, value.reveal());
      }
      if (config.forward_user_identity) addIdentity(headers, request.principal);
      const path = `${prefix}${PATHS[request.operation]}${request.search}`;
      return { origin: base.origin, path, headers, body: bodyFor(request) };
    },
    translateError: (reply) => reply,
    translateStreamError: null,
  };
}

/** The client's own bytes unless something in them is not this upstream's. */
function bodyFor(request: UpstreamRequest): Buffer[] {
  const isRenamed = request.upstreamModel !== request.requestedModel;
  if (!isRenamed && !request.dropTags) return [...request.chunks];
  return spliceBody(request.chunks, request.scanned, {
    ...(isRenamed ? { replace: { model: JSON.stringify(request.upstreamModel) } } : {}),
    ...(request.dropTags ? { drop: ['tags'] } : {}),
  });
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
