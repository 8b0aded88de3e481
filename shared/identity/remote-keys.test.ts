import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Clock } from '../domain/clock.ts';
import { openRemoteKeys } from './remote-keys.ts';

const log = { debug() {}, info() {}, warn() {}, error() {}, audit() {} };

function publicKey(kid: string): object {
  const { publicKey: key } = generateKeyPairSync('ed25519');
  return { ...key.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' };
}

function openKeys(answers: (() => unknown)[]) {
  let nowMs = 1_000_000;
  let reads = 0;
  const clock: Clock = { now: () => nowMs };
  const fetchJwks = async () => {
    const answer = answers[Math.min(reads, answers.length - 1)];
    reads += 1;
    return answer?.();
  };
  const keys = openRemoteKeys({ fetchJwks, clock, log });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { keys, advance, reads: () => reads };
}

const away = () => {
  throw new Error('ECONNREFUSED');
};

test('reads the keys when they are first needed and then no more', async () => {
  const { keys, reads } = openKeys([() => ({ keys: [publicKey('a')] })]);
  using _closed = keys;
  assert.equal(reads(), 0);
  const [one, two] = await Promise.all([keys.find('a'), keys.find('a')]);
  assert.deepEqual([one?.kid, two?.alg], ['a', 'EdDSA']);
  assert.equal(reads(), 1);
});

test('an unknown key is looked for again, at most every ten seconds', async () => {
  const rotated = { keys: [publicKey('a'), publicKey('b')] };
  const { keys, advance, reads } = openKeys([() => ({ keys: [publicKey('a')] }), () => rotated]);
  using _closed = keys;
  await keys.find('a');
  for (let nth = 0; nth < 50; nth += 1) assert.equal(await keys.find(`forged-${nth}`), null);
  assert.equal(reads(), 1);
  advance(10_000);
  assert.equal((await keys.find('b'))?.kid, 'b');
  assert.equal(reads(), 2);
});

test('a control plane that is away signs nobody out: before the first reading it is unavailable', async () => {
  const { keys, advance } = openKeys([away, () => ({ keys: [publicKey('a')] })]);
  using _closed = keys;
  await assert.rejects(keys.find('a') as Promise<unknown>, { code: 'unavailable' });
  await assert.rejects(keys.find('a') as Promise<unknown>, { code: 'unavailable' });
  advance(10_000);
  assert.equal((await keys.find('a'))?.kid, 'a');
});

test('keys once read hold while it is away', async () => {
  const { keys, advance } = openKeys([() => ({ keys: [publicKey('a')] }), away]);
  using _closed = keys;
  await keys.find('a');
  advance(20_000);
  assert.equal(await keys.find('forged'), null);
  assert.equal((await keys.find('a'))?.kid, 'a');
});

test('an answer that is no key set counts as none', async () => {
  const { keys } = openKeys([() => ({ error: 'not_found' })]);
  using _closed = keys;
  await assert.rejects(keys.find('a') as Promise<unknown>, { code: 'unavailable' });
});
