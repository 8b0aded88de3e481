// Who may connect, over what, and what becomes of a connection whose other end vanished. No
// password may be read in an error or a log line.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { RedisQuotaStoreOptions } from '#shared/adapters/quota-store/redis.ts';
import { TLS } from '../../support/certificate.ts';
import { freePort } from '../../support/free-port.ts';
import { createInbox, eventually } from '../../support/inbox.ts';
import { createMemoryLog } from '../../support/log.ts';
import { skipUnless } from '../../support/needed.ts';
import { type RedisQuota, startRedisQuota } from '../../support/redis-quota.ts';
import { findRedis } from '../../support/servers/redis.ts';

const found = findRedis();
const PASSWORD = 'corr3ct-horse';
const WRONG = 'wr0ng-horse';
/** As infra/store-keys.md advises. */
const RIGHTS = ['+@all', '-@dangerous', '+info'];

describe('QuotaStore Redis: connection', { skip: skipUnless(found) }, () => {
  let started: RedisQuota | undefined;
  const start = async () => {
    started ??= await startRedisQuota(found.available ? found.program : '');
    return started;
  };
  after(() => started?.[Symbol.asyncDispose]());

  /** What a store with these options answers, and everything that it told anybody. */
  async function tryWith(options: Partial<RedisQuotaStoreOptions>) {
    const { open } = await start();
    const log = createMemoryLog();
    await using store = await open({ ...options, log, fresh: false });
    const answer = await store.isWhole().catch((caught: unknown) => caught);
    return { answer, told: inspect([answer, log.lines], { depth: 9, showHidden: true }) };
  }

  it('gives its password, and repeats it nowhere when it is refused', async () => {
    const { raw, server } = await start();
    const { host } = new URL(server.url);
    await raw.config('SET', 'requirepass', PASSWORD);
    try {
      const urls = [`redis://:${PASSWORD}@${host}`, `redis://default:${PASSWORD}@${host}`];
      for (const url of urls) assert.equal((await tryWith({ url })).answer, false);
      assert.equal((await tryWith({ password: PASSWORD })).answer, false);

      const without = await tryWith({});
      assert.match(without.told, /unavailable.*NOAUTH/s);
      const refused = [
        await tryWith({ password: WRONG }),
        await tryWith({ username: 'nobody', password: WRONG }),
        await tryWith({ url: `redis://:${WRONG}@${host}` }),
      ];
      for (const { told } of refused) {
        assert.match(told, /unavailable.*WRONGPASS/s);
        assert.doesNotMatch(told, new RegExp(WRONG));
      }
    } finally {
      await raw.config('SET', 'requirepass', '');
    }
  });

  it('signs in as a user of an access control list', async () => {
    const { raw } = await start();
    await raw.acl('SETUSER', 'gateway', 'on', `>${PASSWORD}`, '~{gate}:*', ...RIGHTS);
    const user = { username: 'gateway', password: PASSWORD };
    assert.equal((await tryWith({ ...user, prefix: 'gate' })).answer, false);
    const foreign = await tryWith({ ...user, prefix: 'other' });
    assert.match(foreign.told, /refused a command: NOPERM/);
    assert.doesNotMatch(foreign.told, new RegExp(PASSWORD));
  });

  it('speaks TLS to a server that its authority vouches for, and to no other', async () => {
    const { raw, server } = await start();
    const port = await freePort();
    const [cert, key] = [join(server.directory, 'cert.pem'), join(server.directory, 'key.pem')];
    writeFileSync(cert, TLS.cert);
    writeFileSync(key, TLS.key, { mode: 0o600 });
    const files = ['tls-cert-file', cert, 'tls-key-file', key, 'tls-ca-cert-file', cert];
    await raw.call('CONFIG', 'SET', ...files, 'tls-auth-clients', 'no', 'tls-port', port);
    const tls = { ca: TLS.cert };
    const url = `rediss://localhost:${port}`;
    assert.equal((await tryWith({ url, tls })).answer, false);
    assert.equal((await tryWith({ url: `redis://localhost:${port}`, tls })).answer, false);
    assert.match((await tryWith({ url })).told, /unavailable.*self-signed certificate/s);
    // Speaking to it in the clear leads nowhere either.
    assert.match((await tryWith({ url: `redis://localhost:${port}` })).told, /unavailable/);
  });

  it('leaves a primary that became a replica, for the address may lead to the new one', async () => {
    const { open, raw } = await start();
    const back = createInbox<string>();
    const log = { ...createMemoryLog(), info: (message: string) => back.put(message) };
    await using store = await open({ log });
    await store.isWhole();
    await raw.replicaof('127.0.0.1', 1);
    await assert.rejects(store.markWhole(), { code: 'unavailable', detail: /READONLY/ });
    await back.has(1);
    await raw.replicaof('NO', 'ONE');
    await store.markWhole();
  });

  it('leaves a connection whose other end vanished without a word', async () => {
    const { open, server } = await start();
    await using proxy = await openSilencer(Number(new URL(server.url).port));
    const url = `redis://127.0.0.1:${proxy.port}`;
    const back = createInbox<string>();
    const log = { ...createMemoryLog(), info: (message: string) => back.put(message) };
    await using store = await open({ url, log, timeoutMs: 200 });
    assert.equal(await eventually(() => store.isWhole().catch(() => null)), true);
    proxy.silence();
    await assert.rejects(store.isWhole(), { code: 'unavailable' });
    await back.has(1);
    assert.equal(await store.isWhole(), true);
  });
});

/** Passes bytes on; connections that were there when it fell silent stay, and say nothing more. */
async function openSilencer(
  to: number,
): Promise<AsyncDisposable & { readonly port: number; silence(): void }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence() {
      for (const socket of open) socket.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
