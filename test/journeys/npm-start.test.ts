// `npm start` as a person or a supervisor runs it: what reaches the gateway through npm, and how it
// ends. npm itself is spawned, because what it does with signals is the point.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { DDL_COMMAND, renderDdl } from '#shared/adapters/sql/ddl.ts';
import { ROOT, startDemo } from '../support/demo.ts';
import { signIn } from '../support/device-sign-in.ts';
import { createGatewayHome, gatewayYaml, startCommand } from '../support/gateway.ts';

/** Nothing listens there any more. */
async function assertFree(url: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await assert.rejects(once(socket, 'connect'), /ECONNREFUSED/);
}

test('SIGTERM to npm ends the gateway with code 0 and frees the port', async () => {
  await using started = await startDemo();
  const { process: demo } = started;
  demo.signal('SIGTERM');
  assert.equal(await demo.ended, 0, demo.output());
  assert.match(demo.output(), / stopping signal=SIGTERM\n/);
  await assertFree(demo.url);
});

test('Ctrl-C, which npm delivers twice, lets an open stream finish', async () => {
  await using started = await startDemo();
  const { process: demo } = started;
  const { accessToken } = await signIn({ gatewayUrl: demo.url, person: 'dana' });
  const response = await fetch(`${demo.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({
      ...{ model: 'claude-haiku-4-5', max_tokens: 100, stream: true },
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  demo.signalGroup('SIGINT');
  assert.match(await response.text(), /event: message_stop/);
  assert.equal(await demo.ended, 0, demo.output());
  assert.match(demo.output(), / stopping signal=SIGINT\n/);
  await assertFree(demo.url);
});

test('a closed terminal ends the demo', async () => {
  await using started = await startDemo();
  const { process: demo } = started;
  demo.signalGroup('SIGHUP');
  await demo.closed;
  assert.match(demo.output(), / stopping signal=SIGHUP\n/);
  await assertFree(demo.url);
});

test('arguments reach the gateway, and SIGINT to npm alone ends it', async () => {
  const yaml = gatewayYaml({ upstreamUrl: 'http://127.0.0.1:9' });
  await using home = await createGatewayHome(yaml);
  // npm runs scripts in the package's folder.
  await home.writeConfig(yaml.replace('./data', join(home.folder, 'data')));
  const command = ['npm', 'start', '--', '--config', home.configPath];
  const data = { cwd: ROOT, env: { PORT: '' } };
  await using gateway = await startCommand(command, data);
  assert.match(gateway.output(), new RegExp(`"path":"${home.configPath}"`));
  gateway.signal('SIGINT');
  assert.equal(await gateway.ended, 0, gateway.output());
  await assertFree(gateway.url);
});

test('an older Node is told the mend before it meets syntax that it cannot read', () => {
  const older = 'Object.defineProperty(process.versions, "node", { value: "20.20.2" })';
  const args = ['--no-strip-types', '--import', `data:text/javascript,${older}`, 'infra/start.mjs'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /^Tallygate needs Node 26, and this is Node 20\.20\.2\.\n/);
  assert.match(stderr, /npm ci && npm start/);
});

test('the command that PostgreSQL’s error names prints the tables and nothing else', () => {
  const [npm = '', ...args] = DDL_COMMAND.split(' ');
  const { status, stdout } = spawnSync(npm, args, { cwd: ROOT, encoding: 'utf8' });
  assert.deepEqual([status, stdout], [0, renderDdl('postgres')]);
});
