// A database of before there were labels and corrections is converted with what is in it.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { it } from 'node:test';
import { bucketsAt } from '#shared/domain/period.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { NOON_MS } from '../../../test/support/clock.ts';
import { databaseAt, describeOnPostgres } from '../../../test/support/postgres-instance.ts';
import { temporaryDatabase } from '../../../test/support/sqlite-instance.ts';
import { usageEvent } from '../../../test/support/usage-event.ts';
import { labelsOf } from '../ledger/rollup-labels.ts';
import { openSqlLedger } from './ledger.ts';
import { LEDGER_LABELS_AND_CORRECTIONS } from './ledger-migration.ts';
import type { Dialect } from './migration-step.ts';
import { appliedSteps, CREATE_MIGRATION_TABLE } from './migrations.ts';
import { openSqliteDatabase } from './sqlite-database.ts';

const { accounts: _none, ...EVENT } = usageEvent({ groups: [], billingGroup: null });

/** The database as the version before left it: one event of ten, and what was counted for all. */
function before(dialect: Dialect): string[] {
  const steps = appliedSteps(dialect).slice(
    0,
    appliedSteps(dialect).findIndex(({ name }) => name === LEDGER_LABELS_AND_CORRECTIONS.name),
  );
  const text = JSON.stringify(EVENT).replaceAll("'", "''");
  const { daily, weekly, monthly } = bucketsAt(NOON_MS);
  return [
    CREATE_MIGRATION_TABLE,
    ...steps.flatMap(({ statements }) => statements),
    ...steps.map(({ name }) => `insert into migration values ('${name}')`),
    `insert into usage_event values ('${EVENT.id}', ${NOON_MS}, 'ada', null, 'session-1',
      '${EVENT.servedModel}', 'vertex', 'complete', 6000, '${text}')`,
    ...[`'daily', '${daily}'`, `'weekly', '${weekly}'`, `'monthly', '${monthly}'`].map(
      (bucket) => `insert into spend values (${bucket}, 'user:ada', 60000)`,
    ),
    `insert into daily_rollup values ('${daily}', 'ada', '${EVENT.servedModel}', 'vertex',
      10, 1, 2, 3, 4, 5, 60000)`,
    `insert into daily_rollup values ('${daily}', 'bob', 'm', 'vertex', 1, 0, 2, 3, 4, 5, 7)`,
  ];
}

async function assertConverted(ledger: Ledger): Promise<void> {
  const today = bucketsAt(NOON_MS);
  const [ada, bob, ...more] = await ledger.rollups(today.daily, today.daily);
  assert.deepEqual(more, []);
  const old = { day: today.daily, upstream: 'vertex', groups: [], billingGroup: null };
  const tokens = { inputTokens: 2, outputTokens: 3, cacheReadTokens: 4, cacheWriteTokens: 5 };
  assert.deepEqual(ada, {
    ...{ ...old, ...tokens, sub: 'ada', servedModel: EVENT.servedModel },
    ...{ events: 10, estimatedEvents: 1, costMicroUsd: 60_000, correctionMicroUsd: 0 },
  });
  assert.deepEqual([bob?.sub, bob?.costMicroUsd, bob?.events], ['bob', 7, 1]);
  const event = { ...EVENT, accounts: ['user:ada'] };
  assert.deepEqual(await ledger.events([EVENT.id]), [event]);
  assert.deepEqual((await ledger.eventsBetween(0, NOON_MS + 1, null, 9)).rows, [event]);
  assert.equal((await ledger.spendOf('user:ada', today)).weekly, 60_000);
  // What comes now without labels goes into the same row; so does a correction of what was there.
  await ledger.record([usageEvent({ groups: [], billingGroup: null, costMicroUsd: 1 })]);
  await ledger.record([usageEvent({ groups: ['a'], billingGroup: null, costMicroUsd: 20 })]);
  const id = `correction-${EVENT.id}`;
  const rest = { postedAtMs: 1, actor: 'cli', reason: null, priceBook: 'b', priceRow: 'r' };
  const correction = { id, eventId: EVENT.id, amountMicroUsd: EVENT.costMicroUsd, ...rest };
  assert.deepEqual((await ledger.correct([correction])).recorded, [id]);
  const costs = (await ledger.rollups(today.daily, today.daily)).map((one) => one.costMicroUsd);
  assert.deepEqual(costs.sort(), [20, 66_001, 7].sort());
  assert.equal(await ledger.erase('ada', 'nobody'), 3);
  assert.equal((await ledger.spendOf('user:nobody', today)).daily, 66_021);
}

it('names the labels of old rows as it names those of new ones', () => {
  const { key } = labelsOf({ groups: [], billingGroup: null });
  for (const dialect of ['sqlite', 'postgres'] as const) {
    assert(LEDGER_LABELS_AND_CORRECTIONS.statements(dialect).some((text) => text.includes(key)));
  }
});

it('converts a SQLite database with data', async () => {
  using file = temporaryDatabase();
  mkdirSync(dirname(file.path));
  const old = new DatabaseSync(file.path);
  for (const statement of before('sqlite')) old.exec(statement);
  old.close();
  await using database = await openSqliteDatabase(file.path);
  await using ledger = openSqlLedger(database);
  await assertConverted(ledger);
});

describeOnPostgres((postgres) =>
  it('converts a PostgreSQL database with data', async () => {
    const url = await postgres.freshUrl();
    await postgres.query(url, before('postgres').join(';\n'));
    await using database = await databaseAt(url);
    await using ledger = openSqlLedger(database);
    await assertConverted(ledger);
  }),
);
