// The servers that the other tests stand on: each starts, dies, and comes back where it was.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { skipUnless } from '../needed.ts';
import {
  findFirestoreEmulator,
  findPubSubEmulator,
  startFirestoreEmulator,
  startPubSubEmulator,
} from './google-emulators.ts';
import { findPostgres, startPostgres } from './postgres.ts';
import type { FoundProgram } from './program.ts';
import { findRedis, startRedis } from './redis.ts';
import type { ServerProcess } from './server-process.ts';

interface Candidate {
  readonly name: string;
  readonly found: FoundProgram;
  /** The server, and its `host:port`. */
  start(program: string): Promise<readonly [ServerProcess, string]>;
}

const CANDIDATES: readonly Candidate[] = [
  {
    name: 'redis',
    found: findRedis(),
    async start(program) {
      const server = await startRedis(program);
      return [server, new URL(server.url).host];
    },
  },
  {
    name: 'postgres',
    found: findPostgres(),
    async start(program) {
      const server = await startPostgres(program);
      return [server, new URL(server.url).host];
    },
  },
  {
    name: 'the Pub/Sub emulator',
    found: findPubSubEmulator(),
    async start(program) {
      const server = await startPubSubEmulator(program);
      return [server, server.host];
    },
  },
  {
    name: 'the Firestore emulator',
    found: findFirestoreEmulator(),
    async start(program) {
      const server = await startFirestoreEmulator(program);
      return [server, server.host];
    },
  },
];

for (const { name, found, start } of CANDIDATES) {
  test(`${name} starts, dies, and comes back on its port`, {
    skip: skipUnless(found),
  }, async () => {
    const [server, host] = await start(found.available ? found.program : '');
    await using _ended = server;
    assert.equal(await accepts(host), true);
    await server.kill();
    assert.equal(await accepts(host), false);
    await server.start();
    assert.equal(await accepts(host), true);
  });
}

function accepts(host: string): Promise<boolean> {
  const [hostname = '', port] = host.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(socket.destroy() !== null));
    socket.once('error', () => resolve(false));
  });
}
