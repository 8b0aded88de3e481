// One upstream for each entry of the configuration. A provider's file, and what it needs of the
// provider's libraries, is loaded only where one of them is configured.

import type { GatewayConfig } from '#shared/config/schema.ts';
import type { UpstreamConfig } from '#shared/config/schema-upstreams.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Upstream } from '../data-plane/upstreams/upstream.ts';
import { VERSION } from './version.ts';

export interface UpstreamOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

export function openUpstreams(
  { upstreams }: GatewayConfig,
  clock: Clock,
  log: Log,
): Promise<readonly Upstream[]> {
  const options = { version: VERSION, clock, log };
  return Promise.all(upstreams.map((upstream) => openUpstream(upstream, options)));
}

async function openUpstream(config: UpstreamConfig, options: UpstreamOptions): Promise<Upstream> {
  switch (config.provider) {
    case 'anthropic': {
      const { createAnthropicUpstream } = await import('../data-plane/upstreams/anthropic.ts');
      return createAnthropicUpstream(config, options);
    }
    case 'vertex': {
      const { createVertexUpstream } = await import('../data-plane/upstreams/vertex.ts');
      return createVertexUpstream(config, options);
    }
    case 'anthropicGoogleCloud': {
      const file = await import('../data-plane/upstreams/anthropic-google-cloud.ts');
      return file.createAnthropicGoogleCloudUpstream(config, options);
    }
    case 'foundry': {
      const { openFoundryUpstream } = await import('../data-plane/upstreams/foundry.ts');
      return openFoundryUpstream(config, options);
    }
    case 'bedrock': {
      const { createBedrockUpstream } = await import('../data-plane/upstreams/bedrock.ts');
      return createBedrockUpstream(config, options);
    }
    case 'mantle': {
      const { createMantleUpstream } = await import('../data-plane/upstreams/mantle.ts');
      return createMantleUpstream(config, options);
    }
    case 'anthropicAws': {
      const { createAnthropicAwsUpstream } = await import(
        '../data-plane/upstreams/anthropic-aws.ts'
      );
      return createAnthropicAwsUpstream(config, options);
    }
  }
}
