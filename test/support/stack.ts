// The production topology as processes of this machine: data planes and control planes on Redis,
// Pub/Sub and a ledger of its own. `npm run stack` shows it to people, the storm breaks it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ADMIN_KEY, JWT_SECRET } from './gateway.ts';
import { type PlaneProcess, planeProcess } from './plane-process.ts';
import {
  type EmulatorServer,
  findFirestoreEmulator,
  findPubSubEmulator,
  startFirestoreEmulator,
  startPubSubEmulator,
} from './servers/google-emulators.ts';
import { findPostgres, type PostgresServer, startPostgres } from './servers/postgres.ts';
import type { FoundProgram } from './servers/program.ts';
import { findRedis, type RedisServer, startRedis } from './servers/redis.ts';

export type StackLedger = 'postgres' | 'firestore';

export interface StackOptions {
  readonly ledger: StackLedger;
  readonly planesOfAKind: number;
  /** Of the first data plane; default: a free one. */
  readonly port?: number;
  readonly modelUrl: string;
  readonly oidc: {
    readonly issuer: string;
    readonly clientId: string;
    readonly clientSecret: string;
  };
  /** A session secret that all planes share; default: data planes only verify, by public keys. */
  readonly sharedSecret?: boolean;
  /** More sections of gateway.yaml. */
  readonly more: string;
}

export interface Stack extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly pubsub: EmulatorServer;
  readonly ledger: PostgresServer | EmulatorServer;
  readonly dataPlanes: readonly PlaneProcess[];
  readonly controlPlanes: readonly PlaneProcess[];
  /** Of the first data plane, which is what clients see. */
  readonly publicUrl: string;
  /** Where the plane of that name keeps its files. */
  dataDir(name: string): string;
  /** Writes gateway.yaml anew; the planes read it by themselves. */
  configure(more: string): void;
}

/** What the machine must have. */
export function findStack(ledger: StackLedger): FoundProgram[] {
  const book = ledger === 'postgres' ? findPostgres() : findFirestoreEmulator();
  return [findRedis(), findPubSubEmulator(), book];
}

export async function openStack(options: StackOptions): Promise<Stack> {
  await using opening = new AsyncDisposableStack();
  const keep = <Server extends AsyncDisposable>(server: Server) => opening.use(server);
  const [redisProgram, pubsubProgram, ledgerProgram] = findStack(options.ledger).map((found) => {
    if (found.available) return found.program;
    throw new Error(found.reason);
  }) as [string, string, string];
  const startLedger = options.ledger === 'postgres' ? startPostgres : startFirestoreEmulator;
  const [redis, pubsub, ledger] = await Promise.all([
    startRedis(redisProgram).then(keep),
    startPubSubEmulator(pubsubProgram).then(keep),
    startLedger(ledgerProgram).then(keep<PostgresServer | EmulatorServer>),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'tallygate-stack-'));
  opening.defer(() => rmSync(folder, { recursive: true, force: true }));
  const configPath = join(folder, 'gateway.yaml');
  const [dataPort, controlPort] = [options.port ?? (await freePort()), await freePort()];
  const publicUrl = `http://127.0.0.1:${dataPort}`;
  const configure = (more: string) =>
    writeFileSync(configPath, stackYaml(options, publicUrl, more));
  configure(options.more);

  const env = (name: string) => ({
    DATA_DIR: join(folder, name),
    REDIS_URL: redis.url,
    CONTROL_URL: `http://127.0.0.1:${controlPort}`,
    PUBSUB_EMULATOR_HOST: pubsub.host,
    METADATA_SERVER_DETECTION: 'none',
    TALLYGATE_DRAIN_TIMEOUT_MS: '2000',
    ...('url' in ledger ? { POSTGRES_URL: ledger.url } : { FIRESTORE_EMULATOR_HOST: ledger.host }),
  });
  const planes = async (plane: 'data' | 'control', firstPort: number) => {
    const made: PlaneProcess[] = [];
    for (let nth = 1; nth <= options.planesOfAKind; nth += 1) {
      const port = nth === 1 ? firstPort : await freePort();
      const name = `${plane}-${nth}`;
      made.push(keep(planeProcess({ name, plane, configPath, port, env: env(name) })));
    }
    return made;
  };
  const controlPlanes = await planes('control', controlPort);
  const dataPlanes = await planes('data', dataPort);
  await Promise.all([...controlPlanes, ...dataPlanes].map((one) => one.start()));
  const opened = opening.move();
  return {
    ...{ redis, pubsub, ledger, dataPlanes, controlPlanes, publicUrl, configure },
    dataDir: (name) => join(folder, name),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function stackYaml(options: StackOptions, publicUrl: string, more: string): string {
  const { issuer, clientId, clientSecret } = options.oidc;
  const ledger =
    options.ledger === 'postgres'
      ? `store: { postgres_url: "\${POSTGRES_URL}" }`
      : 'ledger: { firestore: { project_id: stack } }';
  return `
listen: { host: 127.0.0.1, public_url: "${publicUrl}", trusted_proxies: [127.0.0.1] }
data_dir: \${DATA_DIR}
oidc:
  issuer: "${issuer}"
  client_id: ${clientId}
  client_secret: ${clientSecret}
  allowed_email_domains: [example.com]
${options.sharedSecret === true ? `session: { jwt_secret: ${JWT_SECRET} }` : ''}
${ledger}
quota: { redis: { url: "\${REDIS_URL}" } }
bus: { pubsub: { project_id: stack, ack_deadline_seconds: 10 } }
control_plane: { url: "\${CONTROL_URL}" }
upstreams:
  - { name: model, provider: anthropic, base_url: "${options.modelUrl}", auth: { api_key: test-only } }
admin:
  write_keys: [{ id: stack, key: ${ADMIN_KEY} }]
  admin_groups: [platform-admins]
${more}`;
}
