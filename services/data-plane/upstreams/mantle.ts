// Claude on Bedrock's own Messages endpoint ("Mantle"): Anthropic's format under Amazon's model names.

import type { MantleUpstreamConfig } from '#shared/config/schema-upstreams.ts';
import type { AmazonOptions } from './amazon.ts';
import { createAmazonMessages } from './amazon-messages.ts';
import type { Upstream } from './upstream.ts';

export function createMantleUpstream(
  config: MantleUpstreamConfig,
  options: AmazonOptions,
): Upstream {
  const url = `https://bedrock-mantle.${config.region}.api.aws/anthropic`;
  const place = { url, service: 'bedrock-mantle' };
  return createAmazonMessages(config, place, { neverTags: true, workspaceId: null }, options);
}
