// What stands between the load and the model: nothing, nginx, Tallygate in one process, the data plane
// of Tallygate on Redis and Pub/Sub, and whatever else was named.

import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { adminCall, JWT_SECRET, mintSession } from '../support/gateway.ts';
import { findProgram } from '../support/servers/program.ts';
import { startHop } from './hop-process.ts';

export interface Candidate {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly tokens: readonly string[];
  /** What its CPU time and memory are those of; none where that is nobody's. */
  readonly pids: () => readonly number[];
  /** From the start of its process until it was ready. */
  readonly readyMs?: number;
}

export interface World {
  readonly modelPort: number;
  readonly folder: string;
  readonly opened: AsyncDisposableStack;
}

/** Null: they cannot be had here. */
export interface Servers {
  readonly redisUrl: string;
  readonly pubsubHost: string;
}

/** A tree of this repository, and what its candidates are called. */
export interface Tree {
  readonly name: string;
  readonly root: string;
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface OtherGateway {
  readonly program: string;
  readonly config: string;
  readonly port: number;
  /** Of a session of it; default: one as ours, signed with the secret that `config` must have. */
  readonly token: string | undefined;
}

const PATH = '/v1/messages?beta=true';
const PEOPLE = 16;

export function direct({ modelPort }: World): Candidate {
  return { name: 'direct', port: modelPort, path: PATH, tokens: ['none'], pids: () => [] };
}

export async function openNginx({ modelPort, folder, opened }: World): Promise<Candidate | string> {
  const found = findProgram('nginx', ['/usr/sbin'], 'Debian: apt-get install nginx-light');
  if (!found.available) return found.reason;
  const port = await freePort();
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, nginxConfig(port, modelPort, folder));
  const nginx = opened.use(
    await startHop({
      ...{ name: 'nginx', folder, command: [found.program, '-c', config, '-p', folder] },
      readyUrl: `http://127.0.0.1:${port}/healthz`,
      isReady: (status) => status !== 0,
    }),
  );
  return { name: 'nginx', port, path: PATH, tokens: ['none'], pids: nginx.pids };
}

export async function openEmbedded(world: World, tree: Tree): Promise<Candidate> {
  const { name, root, env = {} } = tree;
  const port = await freePort();
  const home = join(world.folder, `${name}-embedded`);
  const gateway = await startPlane(world, {
    ...{ root, home, plane: 'all', port, publicPort: port, env },
  });
  await publishCaps(port);
  return {
    ...{ name: `${name}, embedded`, port, path: PATH, tokens: await sessions(port) },
    ...{ pids: gateway.pids, readyMs: gateway.readyMs },
  };
}

/** Its control plane has a process of its own, which is not measured. */
export async function openOnServers(
  world: World,
  { name, root, env = {} }: Tree,
  servers: Servers,
): Promise<Candidate> {
  const [port, controlPort] = [await freePort(), await freePort()];
  const home = join(world.folder, `${name}-servers`);
  const shared = { root, home, publicPort: port, servers, env };
  await startPlane(world, { ...shared, plane: 'control', port: controlPort });
  const data = await startPlane(world, { ...shared, plane: 'data', port });
  await publishCaps(controlPort);
  return {
    ...{ name: `${name}, Redis + Pub/Sub`, port, path: PATH, tokens: await sessions(port) },
    pids: data.pids,
  };
}

export async function openOther(world: World, other: OtherGateway): Promise<Candidate> {
  const { program, config, port, token } = other;
  const gateway = world.opened.use(
    await startHop({
      ...{ name: 'other', folder: world.folder },
      command: [program, 'gateway', '--config', config],
      readyUrl: `http://127.0.0.1:${port}/healthz`,
      env: {
        MODEL_URL: `http://127.0.0.1:${world.modelPort}`,
        CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1',
      },
    }),
  );
  const tokens = token === undefined ? await sessions(port) : [token];
  return { name: 'other', port, path: PATH, tokens, pids: gateway.pids };
}

interface PlaneOptions {
  readonly root: string;
  readonly home: string;
  readonly plane: 'all' | 'data' | 'control';
  readonly port: number;
  readonly publicPort: number;
  readonly servers?: Servers;
  readonly env?: Readonly<Record<string, string>>;
}

async function startPlane(world: World, options: PlaneOptions) {
  const { root, home, plane, port, servers } = options;
  await mkdir(home, { recursive: true });
  const config = join(home, `${plane}.yaml`);
  writeFileSync(config, gatewayYaml(options, world.modelPort));
  const main = join(root, 'infra', 'start.mjs');
  return world.opened.use(
    await startHop({
      ...{ name: plane, folder: home },
      command: [process.execPath, main, '--config', config, '--plane', plane],
      env: {
        PORT: String(port),
        TALLYGATE_ALLOW_LOOPBACK: '1',
        METADATA_SERVER_DETECTION: 'none',
        TALLYGATE_LOG_FORMAT: 'json',
        ...options.env,
        ...(servers === undefined ? {} : { PUBSUB_EMULATOR_HOST: servers.pubsubHost }),
      },
      readyUrl: `http://127.0.0.1:${port}/readyz`,
    }),
  );
}

// Redis may take its time: a busy machine is not to be mistaken for a Redis that is away.
export function gatewayYaml(
  { home, plane, publicPort, servers }: Omit<PlaneOptions, 'root' | 'port'>,
  modelPort: number,
): string {
  const prefix = `bench-${publicPort}`;
  const stores =
    servers === undefined
      ? ''
      : `quota: { redis: { url: "${servers.redisUrl}", prefix: ${prefix}, timeout_ms: 5000 } }
bus: { pubsub: { project_id: bench, prefix: ${prefix} } }
`;
  return `
listen: { host: 127.0.0.1, public_url: "http://127.0.0.1:${publicPort}" }
data_dir: "${home}/data-${plane}"
oidc: { issuer: "http://127.0.0.1:9", client_id: bench, client_secret: test-only-client-secret }
session: { jwt_secret: ${JWT_SECRET} }
${stores}upstreams:
  - provider: anthropic
    base_url: "http://127.0.0.1:${modelPort}"
    auth: { api_key: test-only }
managed: { policies: [{ cli: { availableModels: [claude-opus-4-8, claude-sonnet-4-6] } }] }
admin:
  write_keys: [{ id: bench, key: test-only-admin-key-of-many-letters-too }]
`;
}

/** So that there is something to check: nobody comes near it. */
async function publishCaps(port: number): Promise<void> {
  for (const period of ['daily', 'monthly']) {
    const cap = { scope: { type: 'organization' }, period, amount: '900000000' };
    const answer = await adminCall(`http://127.0.0.1:${port}`, '', cap);
    if (!answer.ok) throw new Error(`a cap was refused: ${await answer.text()}`);
  }
}

function sessions(port: number): Promise<string[]> {
  const people = Array.from({ length: PEOPLE }, (_, nth) => `person-${nth}`);
  return Promise.all(
    people.map((sub) => mintSession(`http://127.0.0.1:${port}`, sub, ['engineering'])),
  );
}

function nginxConfig(port: number, modelPort: number, folder: string): string {
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_max_body_size 64m;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  keepalive_requests 1000000000;
  upstream model { server 127.0.0.1:${modelPort}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`;
}
