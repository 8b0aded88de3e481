import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadOrCreateSigningKey } from './signing-key-file.ts';
import { sessionKeysFromPrivateKeys } from './signing-keys.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tallygate-key-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('many that start at once end with one key, readable by the owner alone', async () => {
  const path = join(directory, 'data', 'signing-key.json');
  const texts = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateSigningKey(path)));
  assert.equal(new Set(texts).size, 1);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(dirname(path)), ['signing-key.json']);
});

test('the key outlives a restart and signs with EdDSA', async () => {
  const path = join(directory, 'signing-key.json');
  const first = await loadOrCreateSigningKey(path);
  assert.equal(await loadOrCreateSigningKey(path), first);
  assert.equal((await sessionKeysFromPrivateKeys([first])).signing.alg, 'EdDSA');
});
