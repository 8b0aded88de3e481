// Anthropic's own format at an endpoint of Amazon's: the client's path and body, signed for AWS.

import { TAGS_BETA, upstreamHeaders } from '../relay-headers.ts';
import { spliceBody } from '../splice.ts';
import { type AmazonConfig, type AmazonOptions, type AmazonPlace, openAmazon } from './amazon.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

const PATHS = { messages: '/v1/messages', count_tokens: '/v1/messages/count_tokens' } as const;
const WORKSPACE = 'anthropic-workspace-id';

export interface AmazonMessagesRules {
  /** The endpoint knows no tags: they go whether or not they are the gateway's. */
  readonly neverTags: boolean;
  /** Anthropic's workspace; null: the endpoint has none, and a client's is not passed. */
  readonly workspaceId: string | null;
}

export function createAmazonMessages(
  config: AmazonConfig,
  place: AmazonPlace,
  rules: AmazonMessagesRules,
  options: AmazonOptions,
): Upstream {
  const amazon = openAmazon(config, place, options);
  return {
    ...amazon,
    prepare(request) {
      const dropTags = rules.neverTags || request.dropTags;
      const { [WORKSPACE]: _theirs, ...client } = request.headers;
      const json = { ...client, 'content-type': 'application/json' };
      const headers = upstreamHeaders(json, {
        format: 'anthropic',
        version: options.version,
        dropBetas: dropTags ? [TAGS_BETA] : [],
      });
      if (rules.workspaceId !== null) headers.push(WORKSPACE, rules.workspaceId);
      // The client's query says nothing that is not in its headers, and is no part of this API.
      return amazon.finish(PATHS[request.operation], headers, bodyFor(request, dropTags));
    },
  };
}

/** The client's own bytes unless something in them is not this upstream's. */
function bodyFor(
  { chunks, scanned, requestedModel, upstreamModel }: UpstreamRequest,
  dropTags: boolean,
): Buffer[] {
  const isRenamed = upstreamModel !== requestedModel;
  const hasTags = dropTags && scanned.members.some(({ key }) => key === 'tags');
  if (!isRenamed && !hasTags) return [...chunks];
  return spliceBody(chunks, scanned, {
    ...(isRenamed ? { replace: { model: JSON.stringify(upstreamModel) } } : {}),
    ...(hasTags ? { drop: ['tags'] } : {}),
  });
}
