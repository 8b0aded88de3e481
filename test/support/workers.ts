// A data plane of several workers on Redis and Pub/Sub, a control plane beside it, and a model that
// does what a test says.

import { type Agent, request } from 'node:http';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { freePort } from './free-port.ts';
import {
  adminCall,
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startProcess,
} from './gateway.ts';
import { readLedger } from './ledger-file.ts';
import { PROMPT } from './messages-gateway.ts';
import { findPubSubEmulator, startPubSubEmulator } from './servers/google-emulators.ts';
import { findRedis, startRedis } from './servers/redis.ts';
import { type FakeUpstream, openFakeUpstream } from './upstream.ts';

export const DRAIN_MS = 5_000;

export interface Answer {
  readonly status: number;
  /** Rejects when the connection breaks before the end. */
  readonly text: Promise<string>;
}

export interface WorkersWorld extends AsyncDisposable {
  readonly upstream: FakeUpstream;
  readonly data: GatewayProcess;
  /** Over a connection of its own, unless an agent keeps one; rejects when it cannot be had. */
  ask(sub: string, agent?: Agent | false): Promise<Answer>;
  cap(sub: string, cents: string): Promise<void>;
  ledger(): UsageEvent[];
  /** The process of each worker, the newest by its number. */
  processes(): Map<number, number>;
  /** Of the audit lines of that name, which workers wrote them. */
  workersThat(evt: string, sub: string): number[];
}

export function findWorkersWorld() {
  return [findRedis(), findPubSubEmulator()];
}

export async function openWorkersWorld(workers: number): Promise<WorkersWorld> {
  await using opening = new AsyncDisposableStack();
  const [redisProgram, pubsubProgram] = findWorkersWorld().map((found) =>
    found.available ? found.program : '',
  ) as [string, string];
  const [redis, pubsub, upstream] = await Promise.all([
    startRedis(redisProgram).then((server) => opening.use(server)),
    startPubSubEmulator(pubsubProgram).then((server) => opening.use(server)),
    openFakeUpstream().then((model) => opening.use(model)),
  ]);
  const [dataPort, controlPort] = [await freePort(), await freePort()];
  const more = `
quota: { redis: { url: "${redis.url}" } }
bus: { pubsub: { project_id: workers } }
control_plane: { url: "http://127.0.0.1:${controlPort}" }
enforcement: { reservation_ttl_seconds: 2 }
jobs: { every_seconds: { relay: 0.5, orphans: 0.5 } }
workers: ${workers}`;
  const home = opening.use(
    await createGatewayHome(gatewayYaml({ upstreamUrl: upstream.url, more })),
  );
  const start = async (plane: string, port: number) => {
    const env = {
      PORT: `${port}`,
      PUBSUB_EMULATOR_HOST: pubsub.host,
      METADATA_SERVER_DETECTION: 'none',
      TALLYGATE_DRAIN_TIMEOUT_MS: `${DRAIN_MS}`,
    };
    const args = ['--config', home.configPath, '--plane', plane];
    return opening.use(await startProcess(args, env, home.folder));
  };
  const [data] = await Promise.all([start('data', dataPort), start('control', controlPort)]);
  await data.printed(/ all workers serve /);
  const opened = opening.move();
  return {
    upstream,
    data,
    async ask(sub, agent = false) {
      const token = await mintSession(data.url, sub);
      return post(`${data.url}/v1/messages`, token, agent);
    },
    async cap(sub, amount) {
      const scope = { type: 'user', user_id: sub };
      const response = await adminCall(data.url, '', { scope, period: 'monthly', amount });
      if (response.status !== 200) throw new Error(await response.text());
    },
    ledger: () => readLedger(home.folder),
    processes() {
      const lines = data.output().matchAll(/ a worker is started worker=(\d+) process=(\d+)/g);
      return new Map([...lines].map(([, nth, process]) => [Number(nth), Number(process)]));
    },
    workersThat(evt, sub) {
      const lines = data
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{"ts"'));
      const audits = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      const some = audits.filter((line) => line['evt'] === evt && line['sub'] === sub);
      return [...new Set(some.map((line) => Number(line['worker'])))].sort();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function post(url: string, token: string, agent: Agent | false): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const asking = request(url, { method: 'POST', agent, headers }, (res) => {
    const text = Promise.withResolvers<string>();
    let all = '';
    res.setEncoding('utf8');
    res.on('data', (chunk: string) => {
      all += chunk;
    });
    res.on('end', () => text.resolve(all));
    res.on('error', text.reject);
    // Whoever does not look at it is not interested.
    text.promise.catch(() => undefined);
    resolve({ status: res.statusCode ?? 0, text: text.promise });
  });
  asking.on('error', reject);
  asking.end(JSON.stringify({ ...PROMPT, stream: true }));
  return promise;
}
