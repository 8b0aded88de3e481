// Many rows by one statement, within a transaction. PostgreSQL takes them all at once: there a round trip
// costs most. SQLite takes one after the other through a statement that is written and prepared once for
// the whole life of the process: that takes half the time.

import { type Compilable, CompiledQuery, SqliteAdapter } from 'kysely';
import { chunked } from './chunks.ts';
import type { Queries } from './sql-database.ts';

/** Its only parameters are the values of its rows. One for the module: its text for SQLite is kept. */
export type InsertOf<Row, Output> = (db: Queries, rows: readonly Row[]) => Compilable<Output>;

interface Written {
  readonly sql: string;
  /** In the order of its parameters. */
  readonly columns: readonly string[];
}

const kept = new WeakMap<InsertOf<never, unknown>, Written>();

/** Every row has the same columns. Returns what the statement returns, in no order. */
export async function insertRows<Row extends object, Output>(
  db: Queries,
  insertOf: InsertOf<Row, Output>,
  rows: readonly Row[],
): Promise<Output[]> {
  const [first] = rows;
  if (first === undefined) return [];
  if (db.getExecutor().adapter instanceof SqliteAdapter) {
    const { sql, columns } = kept.get(insertOf) ?? write(db, insertOf, first);
    const parameters = rows.map((row) => columns.map((name) => row[name as keyof Row]));
    return (await db.executeQuery<Output>(CompiledQuery.raw(sql, parameters))).rows;
  }
  const returned: Output[] = [];
  for (const some of chunked(rows)) {
    returned.push(...(await db.executeQuery(insertOf(db, some).compile())).rows);
  }
  return returned;
}

function write<Row extends object>(
  db: Queries,
  insertOf: InsertOf<Row, unknown>,
  row: Row,
): Written {
  const written = { sql: insertOf(db, [row]).compile().sql, columns: Object.keys(row) };
  kept.set(insertOf, written);
  return written;
}

/** What the driver is given for a statement that is run once for each of several rows. */
export function isRowList(parameters: readonly unknown[]): parameters is readonly unknown[][] {
  return Array.isArray(parameters[0]);
}
