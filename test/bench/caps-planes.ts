// Two data planes as processes of their own, fresh: without a control plane, because all that these
// requests need is Redis.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { JWT_SECRET, mintSession } from '../support/gateway.ts';
import { planeProcess } from '../support/plane-process.ts';

export interface DataPlanes extends AsyncDisposable {
  readonly urls: readonly string[];
  tokenOf(sub: string): Promise<string>;
  /** Everything is settled then. */
  stop(): Promise<void>;
}

export interface DataPlanesOptions {
  readonly mode: 'none' | 'estimate' | 'ceiling';
  readonly redisUrl: string;
  readonly pubsubHost: string;
  readonly modelUrl: string;
}

export async function openDataPlanes(options: DataPlanesOptions): Promise<DataPlanes> {
  await using opening = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'tallygate-caps-'));
  opening.defer(() => rmSync(folder, { recursive: true, force: true }));
  const configPath = join(folder, 'gateway.yaml');
  const ports = [await freePort(), await freePort()];
  const publicUrl = `http://127.0.0.1:${ports[0]}`;
  writeFileSync(configPath, yaml(options, publicUrl));
  const planes = ports.map((port, nth) => {
    const env = {
      DATA_DIR: join(folder, `data-${nth}`),
      PUBSUB_EMULATOR_HOST: options.pubsubHost,
      METADATA_SERVER_DETECTION: 'none',
    };
    return opening.use(planeProcess({ name: `data-${nth}`, plane: 'data', configPath, port, env }));
  });
  await Promise.all(planes.map((plane) => plane.start()));
  const opened = opening.move();
  return {
    urls: planes.map(({ url }) => url),
    tokenOf: (sub) => mintSession(publicUrl, sub),
    async stop() {
      await Promise.all(planes.map((plane) => plane.stop()));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

// Redis may take its time: a busy machine is not to be mistaken for a Redis that is away.
function yaml({ mode, redisUrl, modelUrl }: DataPlanesOptions, publicUrl: string): string {
  return `
listen: { host: 127.0.0.1, public_url: "${publicUrl}" }
data_dir: \${DATA_DIR}
oidc: { issuer: "http://127.0.0.1:9", client_id: bench, client_secret: test-only-client-secret }
session: { jwt_secret: ${JWT_SECRET} }
quota: { redis: { url: "${redisUrl}", timeout_ms: 5000 } }
bus: { pubsub: { project_id: bench } }
upstreams:
  - { name: model, provider: anthropic, base_url: "${modelUrl}", auth: { api_key: test-only } }
admin: {}
enforcement: { reservation: ${mode} }
`;
}
