// A Vertex upstream with a token of the test's, sent to Google's own host or to the test's.

import type { VertexUpstreamConfig } from '#shared/config/schema-upstreams-cloud.ts';
import type { PreparedRequest, Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { createVertexUpstream } from '../../services/data-plane/upstreams/vertex.ts';
import { createTestClock } from './clock.ts';
import { createMemoryLog } from './log.ts';

export const PROJECT = 'secret-project-123';

export interface VertexSketch {
  readonly region?: string;
  readonly baseUrl?: string;
  readonly name?: string;
  readonly log?: ReturnType<typeof createMemoryLog>;
  /** Instead of a token that always holds. */
  readonly token?: () => Promise<string>;
}

export function vertexAt(sketch: VertexSketch = {}): Upstream {
  const config: VertexUpstreamConfig = {
    provider: 'vertex',
    name: sketch.name ?? 'google',
    region: sketch.region ?? 'us-east5',
    project_id: PROJECT,
    headers: {},
    auth: { kind: 'default' },
    ...(sketch.baseUrl === undefined ? {} : { base_url: sketch.baseUrl }),
  };
  return createVertexUpstream(config, {
    version: '0.0.0-test',
    clock: createTestClock(),
    log: sketch.log ?? createMemoryLog(),
    tokens: { token: sketch.token ?? (async () => 'google-token'), quotaProject: () => null },
  });
}

/** The same upstream with its requests sent to `url`; `prepared` keeps where they were to go. */
export function divert(upstream: Upstream, url: string, prepared: PreparedRequest[]): Upstream {
  return {
    ...upstream,
    async prepare(request) {
      const own = await upstream.prepare(request);
      prepared.push(own);
      return { ...own, origin: url };
    },
  };
}
