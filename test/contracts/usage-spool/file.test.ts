// The data plane's last resort: what it accepted survives its process, is handed out again until it
// is taken, and is never taken by two without either knowing.

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openFileSpool } from '#shared/adapters/usage-spool/file.ts';
import type { SpoolEntry, UsageSpool } from '#shared/ports/usage-spool.ts';
import { createMemoryLog } from '../../support/log.ts';

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'tallygate-spool-')), 'spool');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

const log = createMemoryLog();
const openSpool = () => openFileSpool({ directory, log });

function entry(id: string): SpoolEntry {
  return { id, accounts: ['user:dana'], event: `{"id":"${id}"}` };
}

async function drained(spool: UsageSpool): Promise<string[]> {
  const ids: string[] = [];
  await spool.drain(async ({ id }) => void ids.push(id));
  return ids.sort();
}

test('hands out what was appended, once it is taken never again, and leaves no file', async () => {
  await using spool = openSpool();
  await Promise.all(['a', 'b', 'c'].map((id) => spool.append(entry(id))));
  assert.equal(spool.size(), 3);
  assert.deepEqual(await drained(spool), ['a', 'b', 'c']);
  assert.deepEqual(await drained(spool), []);
  assert.equal(spool.size(), 0);
  assert.deepEqual(readdirSync(directory), []);
});

test('keeps what is not taken, and the rest, for the next drain', async () => {
  await using spool = openSpool();
  await spool.append(entry('a'));
  await spool.append(entry('b'));
  const taken: string[] = [];
  const refuseB = async ({ id }: SpoolEntry) => {
    if (id === 'b') throw new Error('away');
    taken.push(id);
  };
  await assert.rejects(spool.drain(refuseB), /away/);
  assert.deepEqual(taken, ['a']);
  await spool.append(entry('c'));
  assert.deepEqual(await drained(spool), ['b', 'c']);
});

test('finds what a process left behind, without its cut last line', async () => {
  const before = openSpool();
  await before.append(entry('a'));
  await before.append(entry('b'));
  const [file = ''] = readdirSync(directory);
  appendFileSync(join(directory, file), '{"id":"cut","acc');
  await using after = openSpool();
  assert.equal(after.size(), 2);
  assert.deepEqual(await drained(after), ['a', 'b']);
  await before[Symbol.asyncDispose]();
});

test('a process whose file was taken goes on in another', async () => {
  await using one = openSpool();
  await using other = openSpool();
  await one.append(entry('a'));
  assert.deepEqual(await drained(other), ['a']);
  await one.append(entry('b'));
  await one.append(entry('c'));
  assert.deepEqual(await drained(openSpool()), ['b', 'c']);
});

test('what was taken over and not delivered when its process died is found again', async () => {
  const dying = openSpool();
  await dying.append(entry('a'));
  await assert.rejects(
    dying.drain(async () => Promise.reject(new Error('away'))),
    /away/,
  );
  await using next = openSpool();
  assert.deepEqual(await drained(next), ['a']);
});

test('a drain that is asked for while one runs joins it', async () => {
  await using spool = openSpool();
  await spool.append(entry('a'));
  const release = Promise.withResolvers<void>();
  let asked = 0;
  const slow = async () => {
    asked += 1;
    await release.promise;
  };
  const both = [spool.drain(slow), spool.drain(slow)];
  release.resolve();
  assert.deepEqual(await Promise.all(both), [1, 1]);
  assert.equal(asked, 1);
});

test('a directory that cannot be used is told in a sentence', () => {
  const blocked = '/dev/null/spool';
  assert.throws(() => openFileSpool({ directory: blocked, log }), {
    code: 'unavailable',
    message: /The spool .* cannot be used; check data_dir/,
  });
});
