// What a running gateway leaves under data_dir: every file there is its owner's alone, and explained
// in infra/store-keys.md. And it has the directory for itself.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeUsageEvent } from '#shared/events/usage-v1.ts';
import { signIn } from '../support/device-sign-in.ts';
import { putEarlierJournal } from '../support/earlier-journal.ts';
import { createGatewayHome, gatewayYaml, startGateway } from '../support/gateway.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  openTestIdentityProvider,
} from '../support/identity-provider.ts';
import { readLedger } from '../support/ledger-file.ts';
import { untilTrue } from '../support/until.ts';
import { openFakeUpstream, pausesAfter } from '../support/upstream.ts';
import { usageEvent } from '../support/usage-event.ts';

const FILES = [
  ...['quota-journal.jsonl', 'in-use.lock', 'signing-key.jwk'],
  ...['', '-shm', '-wal'].map((suffix) => `tallygate.db${suffix}`),
];
const PAGE = readFileSync(new URL('../../infra/store-keys.md', import.meta.url), 'utf8');

function modesUnder(directory: string): Record<string, string> {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const modes = ['.', ...found].map((name) => {
    const entry = statSync(join(directory, name));
    const mode = (entry.mode & 0o777).toString(8).padStart(4, '0');
    return [entry.isDirectory() ? `${name}/` : name, mode] as const;
  });
  return Object.fromEntries(modes);
}

test('only its owner can read what is under data_dir', async () => {
  await using idp = await openTestIdentityProvider();
  await using upstream = await openFakeUpstream();
  upstream.behave(pausesAfter(4));
  const yaml = gatewayYaml({ upstreamUrl: upstream.url, issuer: idp.issuer })
    .replace('client_id: tallygate', `client_id: ${CLIENT_ID}`)
    .replace('test-only-client-secret', CLIENT_SECRET)
    // Without a key of the operator's: one is made.
    .replace(/^session:.*\n/m, '');
  await using home = await createGatewayHome(yaml);
  // What most machines have: it alone would leave files for everybody to read.
  const umask = process.umask(0o022);
  await using gateway = await startGateway(home);
  process.umask(umask);
  const { accessToken } = await signIn({ gatewayUrl: gateway.url, person: 'dana' });
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({
      ...{ model: 'claude-sonnet-4-6', max_tokens: 10, stream: true },
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  assert.equal(response.status, 200);

  const expected = {
    './': '0700',
    'spool/': '0700',
    ...Object.fromEntries(FILES.map((name) => [name, '0600'])),
  };
  const modes = modesUnder(join(home.folder, 'data'));
  assert.deepEqual(modes, expected);
  await gateway.end('SIGKILL');
  assert.deepEqual(modesUnder(join(home.folder, 'data')), expected);
  for (const name of Object.keys(modes)) {
    const plain = name.replace(/-(wal|shm)$/, '');
    if (plain !== './') assert.ok(PAGE.includes(`\`${plain}`), `store-keys.md: ${plain}`);
  }
});

test('a second gateway on the same data_dir does not start, and the first goes on', async () => {
  await using home = await createGatewayHome(gatewayYaml({ upstreamUrl: 'http://127.0.0.1:9' }));
  await using first = await startGateway(home);
  await assert.rejects(startGateway(home), (error: Error) => {
    assert.match(error.message, /^the process ended; /);
    assert.match(error.message, /could not go on: The directory \.?\S*data is in use by another /);
    return true;
  });
  assert.equal((await fetch(`${first.url}/healthz`)).status, 200);
  await first.end('SIGKILL');
  await using second = await startGateway(home);
  assert.equal((await fetch(`${second.url}/healthz`)).status, 200);
});

test('what an earlier version had not delivered is delivered, and its journal is gone', async () => {
  await using home = await createGatewayHome(gatewayYaml({ upstreamUrl: 'http://127.0.0.1:9' }));
  const data = join(home.folder, 'data');
  mkdirSync(data);
  const event = usageEvent();
  const { id, accounts, costMicroUsd: amountMicroUsd, timeMs } = event;
  const settled = {
    ...{ id, accounts, amountMicroUsd, event: encodeUsageEvent(event) },
    ...{ chargedAtMs: timeMs, settledAtMs: timeMs },
  };
  putEarlierJournal(join(data, 'quota-journal.db'), { reservations: [], outbox: [settled] });
  await using gateway = await startGateway(home);
  const [recorded] = await untilTrue(async () => {
    const events = readLedger(home.folder);
    return events.length === 0 ? null : events;
  });
  assert.deepEqual(recorded, event);
  assert.equal(existsSync(join(data, 'quota-journal.db')), false);
  await gateway.end('SIGTERM');
});
