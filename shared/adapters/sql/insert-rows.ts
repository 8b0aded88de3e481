// Many rows by one statement, within a transaction. PostgreSQL takes them all at once: there a round trip
// costs most. SQLite takes one after the other through a statement that is prepared once: that takes
// half the time, and its text is the same for every batch.

import { type Compilable, type CompiledQuery, SqliteAdapter } from 'kysely';
import { chunked } from './chunks.ts';
import type { Queries } from './sql-database.ts';

/**
 * `insertOf` has no other parameters than the values of its rows, whose columns are those of the first.
 * Returns what the statement returns, in no order.
 */
export async function insertRows<Row extends object, Output>(
  db: Queries,
  rows: readonly Row[],
  insertOf: (some: readonly Row[]) => Compilable<Output>,
): Promise<Output[]> {
  const [first] = rows;
  if (first === undefined) return [];
  if (db.getExecutor().adapter instanceof SqliteAdapter) {
    const columns = Object.keys(first) as (keyof Row)[];
    const parameters = rows.map((row) => columns.map((name) => row[name]));
    const once: CompiledQuery<Output> = { ...insertOf([first]).compile(), parameters };
    return (await db.executeQuery(once)).rows;
  }
  const returned: Output[] = [];
  for (const some of chunked(rows)) {
    returned.push(...(await db.executeQuery(insertOf(some).compile())).rows);
  }
  return returned;
}

/** What the driver is given for a statement that is run once for each of several rows. */
export function isRowList(parameters: readonly unknown[]): parameters is readonly unknown[][] {
  return Array.isArray(parameters[0]);
}
