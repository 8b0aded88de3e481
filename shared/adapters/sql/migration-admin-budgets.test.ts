// What an older version of Tallygate stored is there after the upgrade, and works as the new does.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { databaseAt, describeOnPostgres } from '../../../test/support/postgres-instance.ts';
import { temporaryDatabase } from '../../../test/support/sqlite-instance.ts';
import { openSqlAdminStore } from './admin-store.ts';
import type { Dialect } from './migration-step.ts';
import { appliedSteps, CREATE_MIGRATION_TABLE } from './migrations.ts';
import type { SqlDatabase } from './sql-database.ts';
import { openSqliteDatabase } from './sqlite-database.ts';

const THIS = '0006-admin-budgets';
const LIMIT = { id: 'spl_1', scope: { type: 'user', userId: 'ada' }, period: 'monthly' } as const;
const SNAPSHOT = {
  ...LIMIT,
  amount: '7',
  currency: 'USD',
  createdAtMs: 1,
  updatedAtMs: 2,
} as const;
const PERSON = { sub: 'ada', email: 'Ada@Example.com', name: 'Ada', groups: ['a'], lastSeenMs: 3 };

/** The database as it was, with a row in each table that changes. */
function before(dialect: Dialect): string[] {
  const steps = appliedSteps(dialect);
  const earlier = steps.slice(
    0,
    steps.findIndex(({ name }) => name === THIS),
  );
  return [
    CREATE_MIGRATION_TABLE,
    ...earlier.flatMap(({ name, statements }) => [
      ...statements,
      `insert into migration (name) values ('${name}')`,
    ]),
    `insert into spend_limit values ('spl_1', 1, 'user', 'ada', 'monthly', '7', 1, 2)`,
    `insert into spend_limit values ('spl_2', 2, 'organization', '', 'daily', null, 3, 4)`,
    `update revision set value = 2`,
    `insert into audit values
      (1, 5, 'admin-key:w', 'upsert', 'spl_1', null, null, '${JSON.stringify(SNAPSHOT)}')`,
    `insert into person values ('ada', '${PERSON.email}', 'Ada', '["a"]', 3)`,
  ];
}

async function assertConverted(database: SqlDatabase): Promise<void> {
  const store = openSqlAdminStore(database);
  const limit = { ...SNAPSHOT, model: null, pooledBudget: null };
  assert.deepEqual((await store.caps())[0], limit);
  const { caps, budgets } = await store.capTable();
  assert.deepEqual(
    caps.map(({ id, model, amountMicroUsd }) => [id, model, amountMicroUsd]),
    [
      ['spl_1', null, 70_000],
      ['spl_2', null, null],
    ],
  );
  assert.deepEqual(budgets, []);
  assert.deepEqual((await store.audit(null, 1)).rows[0]?.after, limit);
  assert.deepEqual(await store.peopleByEmail('aDA@example.com'), [PERSON]);
  const by = { actor: 'admin-key:w', reason: null, atMs: 9 };
  const change = () => ({ amount: '8', pooledBudget: null });
  const changed = await store.upsertCap({ ...LIMIT, id: 'spl_3', model: null, change }, by);
  assert.equal(changed.after.id, 'spl_1');
  const second = await store.upsertCap({ ...LIMIT, id: 'spl_3', model: 'opus', change }, by);
  assert.equal(second.before, null);
  assert.deepEqual(
    (await store.caps()).map(({ id }) => id),
    ['spl_1', 'spl_2', 'spl_3'],
  );
}

describe('an older database', { timeout: 60_000 }, () => {
  it('is converted: SQLite', async () => {
    using file = temporaryDatabase();
    mkdirSync(dirname(file.path));
    const old = new DatabaseSync(file.path);
    for (const statement of before('sqlite')) old.exec(statement);
    old.close();
    await using database = await openSqliteDatabase(file.path);
    await assertConverted(database);
  });

  describeOnPostgres((postgres) =>
    it('is converted: PostgreSQL', async () => {
      const url = await postgres.freshUrl();
      await postgres.query(url, before('postgres').join(';\n'));
      await using database = await databaseAt(url);
      await assertConverted(database);
    }),
  );
});
