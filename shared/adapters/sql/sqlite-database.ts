// node:sqlite under Kysely's SQLite dialect, and all that is peculiar to it. One writer at a time
// per file: between processes SQLite's busy timeout waits, inside a process handles take turns,
// because waiting for a lock there would block the very loop that has to release it.
//
// An acknowledged write survives a power cut, not only a killed process, as with `synchronous=FULL`; but
// the disk is waited for beside the event loop, not in it: SQLite itself waits at checkpoints alone.

import { realpathSync } from 'node:fs';
import {
  DatabaseSync,
  type SQLInputValue,
  type StatementResultingChanges,
  type StatementSync,
} from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { createFileSync, type FileSync } from './file-sync.ts';
import { isRowList } from './insert-rows.ts';
import { migrate } from './migrations.ts';
import { createPrivateFile } from './private-file.ts';
import type { Schema } from './schema.ts';
import { inSlices } from './slices.ts';
import { type Classify, createSqlDatabase, type SqlDatabase, translated } from './sql-database.ts';
import { leaveTurns, type Turns, turnsOf } from './turns.ts';

const BUSY_TIMEOUT_MS = 5000;
const CACHED_SQL_CHARS_MAX = 500_000;
const SQLITE_CONSTRAINT = 19;

/**
 * Opens the file (created with mode 0600, its directory with 0700) and brings its tables up to date.
 * Several handles on one file are fine, in this process and in others. `:memory:` for unit tests.
 * @throws AppError `unavailable` when the file cannot be opened or is a newer version's.
 */
export async function openSqliteDatabase(path: string): Promise<SqlDatabase> {
  try {
    const file = createFile(path);
    const db = openFile(file);
    const wal = isWal(db) ? createFileSync(`${file}-wal`) : null;
    const kysely = kyselyOn(db, turnsOf(file), wal);
    const onClosed = () => {
      wal?.[Symbol.dispose]();
      leaveTurns(file);
    };
    const database = createSqlDatabase({ kysely, classify, onClosed });
    try {
      await database.transaction((tx) => migrate(tx, 'sqlite'));
    } catch (caught) {
      await database[Symbol.asyncDispose]();
      throw caught;
    }
    return database;
  } catch (caught) {
    throw translated(caught, classify);
  }
}

const classify: Classify = (caught) => {
  if (!(caught instanceof Error) || !('code' in caught)) return null;
  if (caught.code !== 'ERR_SQLITE_ERROR') {
    const isFile = 'syscall' in caught || caught.code === 'ERR_INVALID_STATE';
    return isFile ? 'unavailable' : null;
  }
  const primary = 'errcode' in caught ? Number(caught.errcode) & 0xff : 0;
  return primary === SQLITE_CONSTRAINT ? 'conflict' : 'unavailable';
};

function createFile(path: string): string {
  if (path === ':memory:') return path;
  createPrivateFile(path);
  return realpathSync(path);
}

function openFile(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // WAL stays with the file; asking again takes a lock that the busy timeout does not wait for.
    if (!isWal(db)) db.exec('PRAGMA journal_mode=WAL');
    // Without shared memory a file system has no WAL: then SQLite itself waits for the disk.
    db.exec(`PRAGMA synchronous=${isWal(db) ? 'NORMAL' : 'FULL'}; PRAGMA foreign_keys=ON`);
    return db;
  } catch (caught) {
    db.close();
    throw caught;
  }
}

function isWal(db: DatabaseSync): boolean {
  return db.prepare('PRAGMA journal_mode').get()?.['journal_mode'] === 'wal';
}

function kyselyOn(db: DatabaseSync, turns: Turns, wal: FileSync | null): Kysely<Schema> {
  const changes = db.prepare('SELECT total_changes() AS rows');
  let durable = 0;
  const settled = async () => {
    const { rows } = changes.get() as { rows: number };
    if (rows === durable) return;
    durable = rows;
    await wal?.sync();
  };
  return new Kysely<Schema>({
    dialect: {
      createDriver: () =>
        takingTurns(new SqliteDriver({ database: asKyselyWants(db) }), turns, settled),
      createAdapter: () => new SqliteAdapter(),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

/** `settled` is waited for by whoever wrote, while the next one has its turn already. */
function takingTurns(driver: Driver, turns: Turns, settled: () => Promise<void>): Driver {
  let sliced: DatabaseConnection | null = null;
  return {
    init: () => driver.init(),
    async acquireConnection() {
      await turns.take();
      sliced ??= inSlices(await driver.acquireConnection());
      return sliced;
    },
    async releaseConnection(connection) {
      await driver.releaseConnection(connection);
      const written = settled();
      turns.give();
      await written;
    },
    // A deferred transaction that reads first fails at once, without waiting, if another process
    // wrote in between; an immediate one waits for its turn at the start.
    async beginTransaction(connection) {
      await connection.executeQuery(CompiledQuery.raw('begin immediate'));
    },
    commitTransaction: (connection) => driver.commitTransaction(connection),
    rollbackTransaction: (connection) => driver.rollbackTransaction(connection),
    destroy: () => driver.destroy(),
  };
}

interface Prepared {
  readonly statement: StatementSync;
  readonly reader: boolean;
}

/** Kysely expects better-sqlite3's shape; statements are kept, the longest unused is dropped first. */
function asKyselyWants(db: DatabaseSync): SqliteDatabase {
  const cache = new Map<string, Prepared>();
  let cachedChars = 0;
  const prepared = (sql: string): Prepared => {
    const known = cache.get(sql);
    const entry = known ?? prepare(db, sql);
    if (known === undefined) cachedChars += sql.length;
    else cache.delete(sql);
    cache.set(sql, entry);
    for (const oldest of cache.keys()) {
      if (cachedChars <= CACHED_SQL_CHARS_MAX) break;
      cache.delete(oldest);
      cachedChars -= oldest.length;
    }
    return entry;
  };
  return {
    close: () => db.close(),
    prepare(sql) {
      const { statement, reader } = prepared(sql);
      return {
        reader,
        all: (given) =>
          isRowList(given)
            ? given.flatMap((row) => statement.all(...values(row)))
            : statement.all(...values(given)),
        run(given) {
          if (!isRowList(given)) return statement.run(...values(given));
          let last: StatementResultingChanges = { changes: 0, lastInsertRowid: 0 };
          for (const row of given) last = statement.run(...values(row));
          return last;
        },
        iterate: (given) => statement.iterate(...values(given)),
      };
    },
  };
}

function prepare(db: DatabaseSync, sql: string): Prepared {
  const statement = db.prepare(sql);
  return { statement, reader: statement.columns().length > 0 };
}

function values(given: readonly unknown[]): readonly SQLInputValue[] {
  return given as readonly SQLInputValue[];
}
