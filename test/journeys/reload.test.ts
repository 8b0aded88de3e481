// The real program while its gateway.yaml changes: what holds at the next request, what never does, and
// what the operator is told. No restart in between, and nothing that was open is cut.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  adminCall,
  createGatewayHome,
  type GatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { answerEvents, openFakeUpstream, pausesAfter } from '../support/upstream.ts';

const MODEL = 'claude-sonnet-4-6';
const IN_FORCE = 'the new configuration is in force';
const RESTART = 'a changed setting takes effect at the next start only setting=listen.port';
/** Events that a stream has sent when the file changes. */
const SENT = 4;

interface Wishes {
  readonly upstreamUrl?: string;
  readonly blocked?: string;
  readonly models?: string;
  readonly notice?: string;
  readonly port?: number;
}

function yaml(wishes: Wishes = {}): string {
  const { upstreamUrl = 'http://127.0.0.1:9', blocked = 'ask Ann', models = 'sonnet' } = wishes;
  return gatewayYaml({
    upstreamUrl,
    more: `  blocked_message: ${blocked}
login_notice: ${wishes.notice ?? 'Be kind.'}
managed: { policies: [{ match: {}, cli: { availableModels: [${models}] } }] }
`,
  }).replace('port: 0', `port: ${wishes.port ?? 0}`);
}

function timesPrinted(gateway: GatewayProcess, text: string): number {
  return gateway.output().split(text).length - 1;
}

/** Changes the file; resolves when the gateway has taken it over. */
async function change(home: GatewayHome, gateway: GatewayProcess, wishes: Wishes): Promise<void> {
  const before = timesPrinted(gateway, IN_FORCE);
  await home.writeConfig(yaml(wishes));
  await gateway.printed(new RegExp(`(${IN_FORCE}[\\s\\S]*){${before + 1}}`));
}

async function ask(gateway: GatewayProcess, stream = false): Promise<Response> {
  const token = await mintSession(gateway.url, 'dana');
  return fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({
      ...{ model: MODEL, max_tokens: 10, stream },
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
}

async function messageOf(response: Response): Promise<string> {
  const { error } = (await response.json()) as { error: { message: string } };
  return error.message;
}

async function notice(gateway: GatewayProcess): Promise<unknown> {
  const answer = await fetch(`${gateway.url}/oauth/device_authorization`, { method: 'POST' });
  return ((await answer.json()) as { login_notice?: string }).login_notice;
}

async function readiness(gateway: GatewayProcess) {
  const answer = await fetch(`${gateway.url}/readyz`);
  const lines = (await answer.text()).split('\n');
  return {
    status: answer.status,
    configuration: lines.find((line) => line.startsWith('configuration: ')),
  };
}

test('a valid change holds at the next request, and an open stream goes on', async () => {
  await using before = await openFakeUpstream();
  await using after = await openFakeUpstream();
  await using home = await createGatewayHome(yaml({ upstreamUrl: before.url }));
  await using gateway = await startGateway(home);

  const held = Promise.withResolvers<ServerResponse>();
  before.behave(pausesAfter(SENT, held.resolve));
  const stream = await ask(gateway, true);
  const upstreamSide = await held.promise;

  await change(home, gateway, { upstreamUrl: after.url, notice: 'Be kinder.' });
  assert.equal((await ask(gateway)).status, 200);
  assert.deepEqual([before.seen.length, after.seen.length], [1, 1]);
  assert.equal(await notice(gateway), 'Be kinder.');

  await change(home, gateway, { upstreamUrl: after.url, models: 'haiku' });
  const refused = await ask(gateway);
  assert.equal(refused.status, 400);
  assert.match(await messageOf(refused), /is not in your role's availableModels allowlist/);
  assert.equal(after.seen.length, 1);

  const cap = { scope: { type: 'organization' }, period: 'daily', amount: '0' };
  assert.equal((await adminCall(gateway.url, '', cap)).status, 200);
  assert.match(await messageOf(await ask(gateway)), / · ask Ann$/);
  await change(home, gateway, { upstreamUrl: after.url, blocked: 'ask Bob' });
  assert.match(await messageOf(await ask(gateway)), / · ask Bob$/);

  for (const event of answerEvents().slice(SENT)) upstreamSide.write(event);
  upstreamSide.end();
  assert.equal(await stream.text(), answerEvents().join(''));
});

test('an invalid file changes nothing; each fault is told until the file is good again', async () => {
  await using home = await createGatewayHome(yaml());
  await using gateway = await startGateway(home);
  assert.equal((await readiness(gateway)).configuration, undefined);

  const faulty = yaml({ notice: 'New.' }).replace('client_id:', 'client_idd:');
  await home.writeConfig(
    `${faulty}rate_limits: { device_verify: { max: 0, window_seconds: 1 } }\n`,
  );
  await gateway.printed(/the changed file was refused; the configuration before it stays in force/);
  const faults = gateway.output().match(/^.* ERROR configuration fault .*$/gm) ?? [];
  for (const path of ['oidc.client_id', 'oidc.client_idd', 'rate_limits.device_verify.max']) {
    assert.ok(
      faults.some((line) => line.includes(`${path}:`)),
      `${path} is missing in\n${faults.join('\n')}`,
    );
  }
  assert.equal(await notice(gateway), 'Be kind.');
  const { status, configuration } = await readiness(gateway);
  assert.equal(status, 200);
  assert.match(
    configuration ?? '',
    /^configuration: the changed file was refused: oidc\.client_id/,
  );
  assert.match(configuration ?? '', /rate_limits\.device_verify\.max: .* \(since \d{4}-/);
  assert.equal(timesPrinted(gateway, IN_FORCE), 0);

  await change(home, gateway, {});
  assert.deepEqual(await readiness(gateway), { status: 200, configuration: undefined });
});

test('SIGHUP reads what no watch sees: a file that gateway.yaml takes a value from', async () => {
  await using home = await createGatewayHome('');
  const path = join(home.folder, 'elsewhere', 'notice.txt');
  await mkdir(join(home.folder, 'elsewhere'));
  await writeFile(path, 'Be kind.');
  await home.writeConfig(yaml({ notice: `\${file:${path}}` }));
  await using gateway = await startGateway(home);
  assert.equal(await notice(gateway), 'Be kind.');

  await writeFile(path, 'Be kinder.');
  gateway.signal('SIGHUP');
  await gateway.printed(new RegExp(IN_FORCE));
  assert.equal(await notice(gateway), 'Be kinder.');
  assert.equal(await gateway.end('SIGTERM'), 0);
});

test('a change that needs a restart is told for as long as it waits for one', async () => {
  await using home = await createGatewayHome(yaml());
  await using gateway = await startGateway(home);
  assert.equal(timesPrinted(gateway, RESTART), 0);
  await change(home, gateway, { port: 65_000 });
  assert.equal(timesPrinted(gateway, RESTART), 1);
  await change(home, gateway, { port: 65_000, notice: 'New.' });
  assert.equal(timesPrinted(gateway, RESTART), 2);
  assert.equal(await notice(gateway), 'New.');
  await change(home, gateway, { notice: 'Newer.' });
  assert.equal(timesPrinted(gateway, RESTART), 2);
});
