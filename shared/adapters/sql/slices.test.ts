import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import { inSlices } from './slices.ts';

const QUERY = CompiledQuery.raw('select 1');

/** Works in the loop's own thread, as SQLite does. */
const connection: DatabaseConnection = {
  async executeQuery() {
    for (const endMs = performance.now() + 0.6; performance.now() < endMs; );
    return { rows: [] };
  },
  streamQuery: () => assert.fail('nobody streams'),
};

async function turnsWhile(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

const twentyOn = (own: DatabaseConnection) => async () => {
  for (let nth = 0; nth < 20; nth += 1) await own.executeQuery(QUERY);
};

test('statements in a row let the loop have its turns', async () => {
  assert.equal(await turnsWhile(twentyOn(connection)), 0);
  const turns = await turnsWhile(twentyOn(inSlices(connection)));
  assert.ok(turns >= 5, `${turns} turns in 12 ms`);
});
