import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insertRows } from './insert-rows.ts';
import type { SpendTable } from './schema.ts';
import type { Queries } from './sql-database.ts';
import { openSqliteDatabase } from './sqlite-database.ts';

function insertNew(db: Queries, rows: readonly SpendTable[]) {
  return db
    .insertInto('spend')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .returning('account');
}

const row = (account: string): SpendTable => ({
  ...{ period: 'daily', bucket: '2026-11-24', account },
  amount_micro_usd: 7,
});

test('a kept statement puts values into their columns, in whatever order a row has them', async () => {
  await using database = await openSqliteDatabase(':memory:');
  const rows = [row('a'), row('b')];
  const reordered = Object.fromEntries(Object.entries(row('c')).reverse()) as (typeof rows)[number];
  await database.transaction((db) => insertRows(db, insertNew, rows));
  await database.transaction((db) => insertRows(db, insertNew, [reordered]));
  const found = await database.run((db) => db.selectFrom('spend').selectAll().execute());
  assert.deepEqual(
    found.map((one) => ({ ...one })),
    [row('a'), row('b'), row('c')],
  );
});

test('what each row returns is returned, and nothing for no rows', async () => {
  await using database = await openSqliteDatabase(':memory:');
  const insert = (...accounts: string[]) =>
    database.transaction((db) => insertRows(db, insertNew, accounts.map(row)));
  assert.deepEqual(await insert(), []);
  assert.deepEqual(
    (await insert('a', 'b')).map(({ account }) => account),
    ['a', 'b'],
  );
  assert.deepEqual(
    (await insert('b', 'c', 'a')).map(({ account }) => account),
    ['c'],
  );
});

test('a row that fails undoes those before it', async () => {
  await using database = await openSqliteDatabase(':memory:');
  const faulty = { ...row('b'), bucket: null as unknown as string };
  await assert.rejects(
    database.transaction((db) => insertRows(db, insertNew, [row('a'), faulty])),
    { code: 'conflict' },
  );
  assert.deepEqual(await database.run((db) => db.selectFrom('spend').selectAll().execute()), []);
});
