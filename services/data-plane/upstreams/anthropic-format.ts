// A request for an upstream that takes what Anthropic's own API takes: the client's bytes, unless
// something in them is not that upstream's. Authentication is the provider's to add.

import type { Secret } from '#shared/config/secret.ts';
import { addConfigured, type HeaderList, TAGS_BETA, upstreamHeaders } from '../relay-headers.ts';
import { spliceBody } from '../splice.ts';
import type { Operation, UpstreamRequest } from './upstream.ts';

export const PATHS: Readonly<Record<Operation, string>> = {
  messages: '/v1/messages',
  count_tokens: '/v1/messages/count_tokens',
};

export interface AnthropicFormatOptions {
  readonly version: string;
  /** The operator's, of this upstream. */
  readonly headers: Readonly<Record<string, Secret>>;
  readonly addBetas?: readonly string[];
}

export function anthropicFormat(
  request: UpstreamRequest,
  { version, headers: configured, addBetas = [] }: AnthropicFormatOptions,
): { readonly headers: HeaderList; readonly body: Buffer[] } {
  const dropBetas = request.dropTags ? [TAGS_BETA] : [];
  const format = 'anthropic';
  const headers = upstreamHeaders(request.headers, { format, version, addBetas, dropBetas });
  addConfigured(headers, configured);
  return { headers, body: bodyFor(request) };
}

function bodyFor({
  chunks,
  scanned,
  dropTags,
  requestedModel,
  upstreamModel,
}: UpstreamRequest): Buffer[] {
  const isRenamed = upstreamModel !== requestedModel;
  if (!isRenamed && !dropTags) return [...chunks];
  return spliceBody(chunks, scanned, {
    ...(isRenamed ? { replace: { model: JSON.stringify(upstreamModel) } } : {}),
    ...(dropTags ? { drop: ['tags'] } : {}),
  });
}
