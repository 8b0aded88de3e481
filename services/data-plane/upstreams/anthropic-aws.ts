// Anthropic's API on AWS: run by Anthropic, with a workspace there, signed in to with AWS's keys or one
// of Anthropic's.

import type { AnthropicAwsUpstreamConfig } from '#shared/config/schema-upstreams.ts';
import type { AmazonOptions } from './amazon.ts';
import { createAmazonMessages } from './amazon-messages.ts';
import type { Upstream } from './upstream.ts';

const SERVICE = 'aws-external-anthropic';

export function createAnthropicAwsUpstream(
  config: AnthropicAwsUpstreamConfig,
  options: AmazonOptions,
): Upstream {
  const place = { url: `https://${SERVICE}.${config.region}.api.aws`, service: SERVICE };
  const rules = { neverTags: false, workspaceId: config.workspace_id };
  return createAmazonMessages(config, place, rules, options);
}
