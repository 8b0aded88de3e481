import assert from 'node:assert/strict';
import type { FileHandle } from 'node:fs/promises';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createMemoryLog } from '../../../test/support/log.ts';
import type { JournalFile } from './journal-file.ts';
import { createJournalSync } from './journal-sync.ts';

function createFile() {
  const disk = { flushes: [] as PromiseWithResolvers<void>[] };
  const datasync = () => {
    const flush = Promise.withResolvers<void>();
    disk.flushes.push(flush);
    return flush.promise;
  };
  const file = { handle: () => ({ datasync }) as unknown as FileHandle } as JournalFile;
  return { disk, file };
}

test('flushes within a second of a write, once at a time, also what came meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { disk, file } = createFile();
  const sync = createJournalSync(file, createMemoryLog());
  sync.soon();
  t.mock.timers.tick(999);
  sync.soon();
  assert.equal(disk.flushes.length, 0);
  t.mock.timers.tick(1);
  assert.equal(disk.flushes.length, 1);
  sync.soon();
  t.mock.timers.tick(5_000);
  assert.equal(disk.flushes.length, 1);
  disk.flushes[0]?.resolve();
  await turn();
  t.mock.timers.tick(1_000);
  assert.equal(disk.flushes.length, 2);
  disk.flushes[1]?.resolve();
  await turn();
  t.mock.timers.tick(5_000);
  assert.equal(disk.flushes.length, 2);
});

test('flushes what is left at the end, and nothing after it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { disk, file } = createFile();
  const sync = createJournalSync(file, createMemoryLog());
  sync.soon();
  const ended = sync.end();
  await turn();
  disk.flushes[0]?.resolve();
  await ended;
  sync.soon();
  t.mock.timers.tick(5_000);
  assert.equal(disk.flushes.length, 1);
});

test('tells a flush that failed, and tries the next', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { disk, file } = createFile();
  const log = createMemoryLog();
  const sync = createJournalSync(file, log);
  sync.soon();
  t.mock.timers.tick(1_000);
  disk.flushes[0]?.reject(new Error('EIO'));
  await turn();
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['error'],
  );
  sync.soon();
  t.mock.timers.tick(1_000);
  assert.equal(disk.flushes.length, 2);
});
