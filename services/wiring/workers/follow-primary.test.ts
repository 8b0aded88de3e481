// A worker whose primary is killed, or was asked twice: real processes that do nothing else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { startWorkerPair } from '../../../test/support/worker-pair.ts';

test('goes on to drain when the primary is killed', async () => {
  using pair = await startWorkerPair();
  pair.primary.kill('SIGKILL');
  assert.equal(await pair.said(), 'the primary is gone');
  assert.equal(await pair.said(), 'exit 0');
});

test('does not drain to the end when the primary is gone meanwhile', async () => {
  using pair = await startWorkerPair();
  process.kill(pair.worker, 'SIGTERM');
  assert.equal(await pair.said(), 'SIGTERM');
  pair.primary.kill('SIGKILL');
  assert.equal(await pair.said(), 'exit 1');
});

test('leaves Ctrl-C and a closed terminal to the primary, and ends when it has drained', async () => {
  using pair = await startWorkerPair();
  const ended = once(pair.primary, 'exit');
  process.kill(pair.worker, 'SIGINT');
  process.kill(pair.worker, 'SIGHUP');
  process.kill(pair.worker, 'SIGTERM');
  assert.equal(await pair.said(), 'SIGTERM');
  process.kill(pair.worker, 'SIGUSR2');
  assert.equal(await pair.said(), 'exit 0');
  assert.deepEqual(await ended, [0, null]);
});
