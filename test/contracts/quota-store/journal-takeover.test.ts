// The SQLite journal of an earlier version: what stands in it is in the new one before it is removed.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openFileQuotaJournal } from '#shared/adapters/quota-store/file-journal.ts';
import { takeOverSqliteJournal } from '#shared/adapters/quota-store/journal-takeover.ts';
import { putEarlierJournal } from '../../support/earlier-journal.ts';
import { createMemoryLog } from '../../support/log.ts';
import { byId, outboxEntry, reservation } from './journal-records.ts';

let folder: string;
let from: string;
let into: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tallygate-takeover-'));
  [from, into] = [join(folder, 'quota-journal.db'), join(folder, 'quota-journal.jsonl')];
});
afterEach(() => rmSync(folder, { recursive: true }));

const STANDING = {
  reservations: [reservation('a'), reservation('b', 7)],
  outbox: [outboxEntry('c'), outboxEntry('d')],
};

async function load() {
  const log = createMemoryLog();
  await using journal = await openFileQuotaJournal({ path: into, log });
  assert.deepEqual(log.lines, []);
  return byId(journal.load());
}

test('takes over what stands, after a kill too, and leaves nothing of the old one', async () => {
  putEarlierJournal(from, STANDING);
  assert.ok(existsSync(`${from}-wal`), 'as a killed process leaves it');
  await takeOverSqliteJournal(from, into);
  assert.equal(statSync(into).mode & 0o777, 0o600);
  for (const suffix of ['', '-wal', '-shm']) assert.equal(existsSync(from + suffix), false);
  assert.deepEqual(await load(), STANDING);
});

test('does it again when it was killed before the old one was gone', async () => {
  putEarlierJournal(from, STANDING);
  const files = ['', '-wal'].map((suffix) => from + suffix);
  for (const file of files) copyFileSync(file, `${file}.kept`);
  await takeOverSqliteJournal(from, into);
  for (const file of files) copyFileSync(`${file}.kept`, file);
  await takeOverSqliteJournal(from, into);
  assert.deepEqual(await load(), STANDING);
  assert.equal(existsSync(from), false);
});

test('adds to what a newer version wrote before an older one ran again', async () => {
  const journal = await openFileQuotaJournal({ path: into, log: createMemoryLog() });
  await journal.write({ putOutbox: outboxEntry('newer') });
  await journal[Symbol.asyncDispose]();
  putEarlierJournal(from, STANDING);
  await takeOverSqliteJournal(from, into);
  const { outbox, reservations } = await load();
  assert.deepEqual(
    outbox.map(({ id }) => id),
    ['c', 'd', 'newer'],
  );
  assert.deepEqual(reservations, STANDING.reservations);
});

test('knows a journal that was killed before its table was made', async () => {
  writeFileSync(from, '');
  await takeOverSqliteJournal(from, into);
  assert.deepEqual(await load(), { reservations: [], outbox: [] });
});

test('removes nothing when the new one cannot be written', async () => {
  putEarlierJournal(from, STANDING);
  mkdirSync(into);
  await assert.rejects(takeOverSqliteJournal(from, into), (error: Error) => {
    assert.match(error.message, /quota-journal\.db of an earlier version cannot be taken over/);
    return true;
  });
  rmSync(into, { recursive: true });
  await takeOverSqliteJournal(from, into);
  assert.deepEqual(await load(), STANDING);
});
