// `npm run stack` as a person starts it: the production topology with Firestore for the ledger.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { openFirestoreDatabase } from '#shared/adapters/firestore/firestore-database.ts';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { userAccount } from '#shared/domain/account.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import { refresh, signIn } from '../support/device-sign-in.ts';
import { freePort } from '../support/free-port.ts';
import { adminCall } from '../support/gateway.ts';
import { skipUnless } from '../support/needed.ts';
import { findStack } from '../support/stack.ts';
import { untilTrue } from '../support/until.ts';

const STACK = join(import.meta.dirname, '../stack.ts');
const skip = skipUnless(...findStack('firestore'));

test('signs in, serves, ledgers in Firestore, holds caps and ends on SIGTERM', {
  skip,
}, async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [STACK], {
    env: { ...process.env, TALLYGATE_ALLOW_LOOPBACK: '1', PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    const ledgerAt = await ledgerWhenUp(child.stdout);
    await using database = openFirestoreDatabase({
      ...{ projectId: 'stack', prefix: 'tallygate', host: ledgerAt },
    });
    await using ledger = openFirestoreLedger(database, {});

    const session = await signIn({ gatewayUrl: url, person: 'dana' });
    const { body } = await refresh(url, session.refreshToken);
    const token = String(body['access_token']);
    assert.equal(await ask(url, token), 200);
    const ledgered = await untilTrue(async () => {
      const { monthly } = await ledger.spendOf(userAccount('demo-dana'), bucketsAt(Date.now()));
      return monthly || null;
    });
    // The report shows thousandths of a cent.
    assert.equal(await spentCents(url), Math.round(ledgered / 10) / 1000);

    const cap = { scope: { type: 'user', user_id: 'demo-dana' }, period: 'monthly', amount: '0' };
    assert.equal((await adminCall(url, '', cap)).status, 200);
    assert.equal(await ask(url, token), 429);
  } finally {
    child.kill('SIGTERM');
  }
  assert.deepEqual(await exited, [0, null]);
});

async function ask(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-sonnet-5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  await response.text();
  return response.status;
}

/** What the admin API says of this month. */
async function spentCents(url: string): Promise<number> {
  const response = await adminCall(url, '/effective?user_ids[]=demo-dana&period[]=monthly');
  const { data } = (await response.json()) as { data: { period_to_date_spend: string }[] };
  return Number(data[0]?.period_to_date_spend ?? 0);
}

/** Where the ledger listens, once everything is up. */
async function ledgerWhenUp(stdout: Readable): Promise<string> {
  let printed = '';
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    printed += String(chunk);
    const host = /Two planes are up on Redis, Pub\/Sub and firestore.*the ledger at (\S+)\n/s.exec(
      printed,
    )?.[1];
    if (host !== undefined) {
      stdout.resume();
      return host;
    }
  }
  throw new Error(`the stack ended: ${printed}`);
}
