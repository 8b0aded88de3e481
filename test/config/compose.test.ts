// docker-compose.yml as far as it can be checked without an engine: what it names is there, and the
// gateway.yaml it mounts boots for both planes with the environment that it sets.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '#shared/config/load.ts';
import { planeFaults } from '../../services/wiring/plane-faults.ts';

interface Service {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string; readonly target: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};
const services = Object.entries(compose.services);
const gateway = read('infra/compose/gateway.yaml');

test('every part of the topology is there', () => {
  const names = services.map(([name]) => name).sort();
  const parts = ['collector', 'control', 'data', 'firestore', 'model', 'oidc', 'pubsub', 'redis'];
  assert.deepEqual(names, parts);
});

test('what a service depends on, mounts or is built from exists', () => {
  const dockerfile = read('infra/Dockerfile');
  for (const [name, service] of services) {
    for (const other of Object.keys(service.depends_on ?? {})) {
      assert.ok(other in compose.services, `${name} depends on ${other}`);
    }
    for (const volume of service.volumes ?? []) {
      const [path = ''] = volume.split(':');
      assert.ok(existsSync(new URL(path, root)), `${name} mounts ${path}`);
    }
    if (service.build === undefined) continue;
    assert.equal(service.build.dockerfile, 'infra/Dockerfile');
    assert.match(dockerfile, new RegExp(`^FROM .* AS ${service.build.target}$`, 'm'));
    const script = service.command?.find((word) => word.endsWith('.ts'));
    if (script !== undefined) assert.ok(existsSync(new URL(script, root)), script);
  }
});

for (const plane of ['data', 'control'] as const) {
  test(`the mounted gateway.yaml boots for the ${plane} plane`, () => {
    const { environment = {}, command = [] } = compose.services[plane] ?? {};
    assert.equal(command[command.indexOf('--plane') + 1], plane);
    const loaded = loadConfig({ text: gateway }, { env: environment });
    assert.ok(loaded.ok, loaded.ok ? '' : loaded.faults.map(({ message }) => message).join('\n'));
    assert.deepEqual(planeFaults(loaded.config, plane), []);
  });
}

test('the hosts that gateway.yaml names are services or aliases of the network', () => {
  const hosts = [...gateway.matchAll(/:\/\/([\w.-]+):\d+/g)].map((match) => match[1] ?? '');
  assert.ok(hosts.length >= 5, hosts.join());
  for (const host of hosts.filter((name) => name !== 'localhost')) {
    assert.ok(host.replace(/\.localhost$/, '') in compose.services, host);
  }
});
