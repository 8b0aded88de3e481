// Two data planes and one control plane as processes of their own, on Redis, Pub/Sub and PostgreSQL:
// what works across them, and what goes on working when one of the parts is away.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { openDemoModel } from '../../services/demo/model.ts';
import { signIn } from '../support/device-sign-in.ts';
import { adminCall } from '../support/gateway.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  openTestIdentityProvider,
} from '../support/identity-provider.ts';
import { skipUnless } from '../support/needed.ts';
import type { PostgresServer } from '../support/servers/postgres.ts';
import { findStack, openStack, type Stack } from '../support/stack.ts';
import { untilTrue } from '../support/until.ts';

const skip = skipUnless(...findStack('postgres'));
const opened = new AsyncDisposableStack();
let stack: Stack & { readonly ledger: PostgresServer };
let session: { accessToken: string; refreshToken: string };

before(async () => {
  if (skip !== false) return;
  const idp = opened.use(await openTestIdentityProvider());
  const model = opened.use(await openDemoModel({ host: '127.0.0.1', port: 0, wordMs: 0 }));
  const { ledger, ...rest } = opened.use(
    await openStack({
      ledger: 'postgres',
      planesOfAKind: 2,
      modelUrl: model.url,
      oidc: { issuer: idp.issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET },
      more: 'jobs: { bullmq: {}, every_seconds: { relay: 1, restore: 0.5, recompute: 2 } }',
    }),
  );
  stack = { ...rest, ledger: ledger as PostgresServer };
  // The second would sign with a key of its own: nobody gave them one to share.
  await stack.controlPlanes[1]?.stop();
  session = await signIn({ gatewayUrl: stack.publicUrl, person: 'dana' });
});
after(() => opened.disposeAsync());

function ask(url: string, token = session.accessToken): Promise<Response> {
  return fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-sonnet-5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
}

async function served(url: string): Promise<void> {
  const response = await ask(url);
  assert.equal(response.status, 200, await response.clone().text());
  await response.text();
}

/** Micro-USD that the ledger and the quota store know of Dana's month. */
async function spent(): Promise<number> {
  const query = '/effective?user_ids[]=demo-dana&period[]=monthly';
  const response = await adminCall(stack.publicUrl, query);
  const { data } = (await response.json()) as { data: { period_to_date_spend: string }[] };
  return Math.round(Number(data[0]?.period_to_date_spend) * 10_000);
}

/** The same, once the ledger has all of it: nothing is pending that `spent` would count by itself. */
async function settled(): Promise<number> {
  const client = new pg.Client({ connectionString: stack.ledger.url });
  await client.connect();
  try {
    return await untilTrue(async () => {
      const sql = `select amount_micro_usd from spend where account = 'user:demo-dana'
        and period = 'monthly'`;
      const { rows } = await client.query<{ amount_micro_usd: string }>(sql);
      const ledgered = Number(rows[0]?.amount_micro_usd ?? 0);
      // The report shows thousandths of a cent.
      return Math.abs(ledgered - (await spent())) < 10 ? ledgered : null;
    });
  } finally {
    await client.end();
  }
}

async function readyz(url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${await response.text()}`;
}

const second = () => stack.dataPlanes[1]?.url ?? '';
const control = () => stack.controlPlanes[0];

describe('across planes', { skip }, () => {
  test('a sign-in through one data plane is good on the other, which can verify and not mint', async () => {
    await served(stack.publicUrl);
    await served(second());
    assert.equal(existsSync(join(stack.dataDir('data-1'), 'signing-key.jwk')), false);
    assert.equal(existsSync(join(stack.dataDir('control-1'), 'signing-key.jwk')), true);
    const jwks = await fetch(`${stack.publicUrl}/.well-known/jwks.json`);
    const { keys } = (await jwks.json()) as { keys: Record<string, unknown>[] };
    assert.deepEqual([keys.length, keys[0]?.['d']], [1, undefined]);
  });

  test('usage of both reaches the ledger once', async () => {
    const before = await settled();
    await served(stack.publicUrl);
    const one = (await settled()) - before;
    assert.ok(one > 0);
    for (const url of [second(), stack.publicUrl, second()]) await served(url);
    assert.equal(await settled(), before + 4 * one);
  });

  test('a cap that is set holds at the next request of every data plane', async () => {
    const cap = { scope: { type: 'user', user_id: 'demo-dana' }, period: 'monthly', amount: '0' };
    const set = await adminCall(stack.publicUrl, '', cap);
    const { id } = (await set.json()) as { id: string };
    for (const url of [stack.publicUrl, second()]) assert.equal((await ask(url)).status, 429);
    const gone = await fetch(`${stack.publicUrl}/v1/organizations/spend_limits/${id}`, {
      method: 'DELETE',
      headers: { 'x-api-key': 'test-only-admin-key-of-many-letters-too' },
    });
    assert.equal(gone.status, 200);
    await served(second());
  });

  test('a session that is revoked is refused by every data plane at its next request', async () => {
    const other = await signIn({ gatewayUrl: stack.publicUrl, person: 'casey' });
    assert.equal((await ask(second(), other.accessToken)).status, 200);
    await fetch(`${stack.publicUrl}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: other.refreshToken }),
    });
    for (const url of [stack.publicUrl, second()]) {
      assert.equal((await ask(url, other.accessToken)).status, 401);
    }
  });
});

describe('with one part away', { skip }, () => {
  test('no control plane: signed-in people work, sign-in waits, usage is not lost', async () => {
    const before = await spent();
    await control()?.kill();
    await served(stack.publicUrl);
    const device = await fetch(`${stack.publicUrl}/oauth/device_authorization`, { method: 'POST' });
    assert.equal(device.status, 503);
    assert.equal(device.headers.get('retry-after'), '10');
    assert.equal(((await device.json()) as { error: string }).error, 'temporarily_unavailable');
    assert.match(await readyz(stack.publicUrl), /^200 ready/);
    await control()?.start();
    await untilTrue(async () => ((await spent()) > before ? true : null));
  });

  test('no Redis: requests are served without waiting, and counted when it is back', async () => {
    const before = await spent();
    await stack.redis.kill();
    for (let nth = 0; nth < 8; nth += 1) await served(stack.publicUrl);
    assert.match(await readyz(stack.publicUrl), /^200 ready\nquota store: /);
    await stack.redis.start();
    await untilTrue(async () => ((await readyz(stack.publicUrl)) === '200 ready' ? true : null));
    await untilTrue(async () => ((await spent()) > before ? true : null));
    await control()?.start();
    // Its log may come a moment after what it tells of.
    await untilTrue(async () =>
      /the quota store is whole/.test(control()?.output() ?? '') ? true : null,
    );
  });

  test('no Pub/Sub: the outbox keeps usage and the relay delivers it', async () => {
    const before = await spent();
    await stack.pubsub.kill();
    await served(stack.publicUrl);
    await stack.pubsub.start();
    await untilTrue(async () => ((await spent()) > before ? true : null), 60_000);
  });

  test('no ledger: requests are served, and ledgered when it is back', async () => {
    const before = await spent();
    await stack.ledger.kill();
    await served(stack.publicUrl);
    assert.match(await readyz(stack.publicUrl), /^200 ready/);
    assert.match(await readyz(control()?.url ?? ''), /^503 not ready\nstore: /);
    await stack.ledger.start();
    await untilTrue(async () => ((await spent().catch(() => 0)) > before ? true : null), 60_000);
  });
});
