import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { createVertexUpstream } from '../../services/data-plane/upstreams/vertex.ts';
import { createTestClock } from './clock.ts';
import { createMemoryLog } from './log.ts';

export const VERTEX_PROJECT = 'secret-project-123';

/** Claude on Google Cloud at a test's own address, with a token of the test's. */
export function vertexAt(url: string): Upstream {
  return createVertexUpstream(
    {
      provider: 'vertex',
      name: 'v',
      region: 'global',
      project_id: VERTEX_PROJECT,
      base_url: url,
      headers: {},
      auth: { kind: 'default' },
    },
    {
      version: '0.0.0-test',
      clock: createTestClock(),
      log: createMemoryLog(),
      tokens: { token: async () => 'test-only-google-token' },
    },
  );
}
