// A person's events first, then what was counted for them: each piece is a transaction that moves
// amounts from one name to another, so no total changes and a run that died is run again. What is
// recorded meanwhile is found by the next pass.

import { type AccountId, modelAccount, userAccount } from '#shared/domain/account.ts';
import { assertPseudonym } from '../ledger/checked.ts';
import { pseudonymised, storedEvent } from '../ledger/stored-event.ts';
import { addRollups, addSpend } from './ledger-counters.ts';
import { eventRow } from './ledger-events.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

const EVENTS_TOGETHER = 500;
/** Somebody who goes on working is not waited for. */
const PASSES_MAX = 5;

interface Renaming {
  readonly sub: string;
  readonly pseudonym: string;
}

export async function erase(
  database: SqlDatabase,
  sub: string,
  pseudonym: string,
): Promise<number> {
  assertPseudonym(sub, pseudonym);
  const renaming = { sub, pseudonym };
  let erased = 0;
  for (let pass = 1; ; pass += 1) {
    const events = await renameEvents(database, renaming);
    erased += events;
    const spend = await renameSpend(database, renaming);
    const rollups = await database.transaction((db) => renameRollups(db, renaming));
    if (events + spend + rollups === 0 || pass === PASSES_MAX) return erased;
  }
}

async function renameEvents(database: SqlDatabase, renaming: Renaming): Promise<number> {
  for (let renamed = 0; ; ) {
    const some = await database.transaction((db) => renameSomeEvents(db, renaming));
    renamed += some;
    if (some === 0) return renamed;
  }
}

async function renameSomeEvents(db: Queries, { sub, pseudonym }: Renaming): Promise<number> {
  // An update that changes nothing: it locks the rows, in both dialects.
  const rows = await db
    .updateTable('usage_event')
    .set((eb) => ({ outcome: eb.ref('outcome') }))
    .where('sub', '=', sub)
    .where('id', 'in', (some) =>
      some.selectFrom('usage_event').select('id').where('sub', '=', sub).limit(EVENTS_TOGETHER),
    )
    .returning('event')
    .execute();
  if (rows.length === 0) return 0;
  await db
    .insertInto('usage_event')
    .values(rows.map(({ event }) => eventRow(pseudonymised(storedEvent(event), sub, pseudonym))))
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((eb) => ({
        sub: eb.ref('excluded.sub'),
        event: eb.ref('excluded.event'),
      })),
    )
    .execute();
  return rows.length;
}

async function renameSpend(database: SqlDatabase, { sub, pseudonym }: Renaming): Promise<number> {
  const models = await database.run(readModels);
  const accounts = (name: string): AccountId[] => {
    const own = userAccount(name);
    return [own, ...models.map((model) => modelAccount(model, own))];
  };
  const to = accounts(pseudonym);
  let renamed = 0;
  for (const [nth, account] of accounts(sub).entries()) {
    renamed += await database.transaction(async (db) => {
      const rows = await db
        .deleteFrom('spend')
        .where('account', '=', account)
        .returningAll()
        .execute();
      await addSpend(
        db,
        rows.map((row) => ({ ...row, account: to[nth] ?? account })),
      );
      return rows.length;
    });
  }
  return renamed;
}

/** The models that are counted apart, found by leaping from one to the next. */
async function readModels(db: Queries): Promise<string[]> {
  const models: string[] = [];
  for (let after = 'model:'; ; ) {
    const row = await db
      .selectFrom('spend')
      .select('account')
      .where('account', '>', after)
      .where('account', '<', 'model;')
      .orderBy('account')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return models;
    const [, model = ''] = row.account.split(':', 2);
    models.push(model);
    // Beyond every account of this model: `;` comes after `:`.
    after = `model:${model};`;
  }
}

async function renameRollups(db: Queries, { sub, pseudonym }: Renaming): Promise<number> {
  const rows = await db.deleteFrom('daily_rollup').where('sub', '=', sub).returningAll().execute();
  await addRollups(
    db,
    rows.map((row) => ({ ...row, sub: pseudonym })),
  );
  return rows.length;
}
