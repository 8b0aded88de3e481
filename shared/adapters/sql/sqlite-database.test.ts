import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { bucketsAt } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { usageEvent } from '../../../test/support/usage-event.ts';
import { openSqlLedger } from './ledger.ts';
import { appliedSteps } from './migrations.ts';
import { openSqliteDatabase } from './sqlite-database.ts';

describe('openSqliteDatabase', { timeout: 20_000 }, () => {
  it('creates a directory and a file that only their owner can read', async () => {
    using at = temporary();
    await using _database = await openSqliteDatabase(at.path);
    assert.equal(statSync(dirname(at.path)).mode & 0o777, 0o700);
    for (const suffix of ['', '-wal', '-shm']) {
      assert.equal(statSync(at.path + suffix).mode & 0o777, 0o600, suffix);
    }
  });

  it('opens a database again without migrating it twice', async () => {
    using at = temporary();
    for (let times = 0; times < 2; times += 1) {
      await using database = await openSqliteDatabase(at.path);
      const rows = await database.run((db) => db.selectFrom('migration').selectAll().execute());
      assert.deepEqual(
        rows.map(({ name }) => name),
        appliedSteps('sqlite').map(({ name }) => name),
      );
    }
  });

  it('refuses a database of a newer version in a sentence that tells what to run', async () => {
    using at = temporary();
    await using database = await openSqliteDatabase(at.path);
    await database.run((db) => db.insertInto('migration').values({ name: '9999-new' }).execute());
    await assert.rejects(openSqliteDatabase(at.path), (error) => {
      assert(error instanceof AppError && error.code === 'unavailable');
      assert.match(error.message, /newer version of Tallygate; run that version or a newer one/);
      return true;
    });
  });

  it('answers unavailable with the cause for a file that is not a database', async () => {
    using at = temporary();
    mkdirSync(dirname(at.path));
    writeFileSync(at.path, 'not a database, but long enough to be read as one'.repeat(100));
    await assert.rejects(openSqliteDatabase(at.path), isUnavailable);
  });

  it('answers unavailable with the cause for a path that is a directory', async () => {
    using at = temporary();
    mkdirSync(at.path, { recursive: true });
    await assert.rejects(openSqliteDatabase(at.path), isUnavailable);
  });

  it('lets handles of one process on one file take turns instead of blocking each other', async () => {
    using at = temporary();
    await using one = await openSqliteDatabase(at.path);
    await using other = await openSqliteDatabase(at.path);
    const order: string[] = [];
    const first = one.transaction(async (db) => {
      await db.insertInto('used_once').values({ key: 'a', expires_at_ms: 1 }).execute();
      await new Promise((resolve) => setImmediate(resolve));
      order.push('first');
    });
    const second = other.transaction(async (db) => {
      const rows = await db.selectFrom('used_once').selectAll().execute();
      order.push(`second sees ${rows.length}`);
    });
    await Promise.all([first, second]);
    assert.deepEqual(order, ['first', 'second sees 1']);
  });

  it('holds the write lock from the start of a transaction, also while it only reads', async () => {
    using at = temporary();
    await using database = await openSqliteDatabase(at.path);
    const otherProcess = new DatabaseSync(at.path, { timeout: 0 });
    const write = () => otherProcess.exec("insert into used_once values ('a', 1)");
    await database.transaction(async (db) => {
      await db.selectFrom('used_once').selectAll().execute();
      assert.throws(write, /locked/);
    });
    write();
    otherProcess.close();
  });

  it('counts nothing of a batch whose counters cannot be written', async () => {
    using at = temporary();
    await using database = await openSqliteDatabase(at.path);
    await using ledger = openSqlLedger(database);
    const event = usageEvent();
    await database.run((db) => db.schema.dropTable('daily_rollup').execute());
    await assert.rejects(ledger.record([event]), isUnavailable);
    assert.deepEqual(await ledger.events([event.id]), []);
    const spent = await ledger.spendOf('user:ada', bucketsAt(event.timeMs));
    assert.deepEqual(spent, { daily: 0, weekly: 0, monthly: 0 });
  });

  it('rolls back everything when the work throws, and passes the error on', async () => {
    await using database = await openSqliteDatabase(':memory:');
    const failure = new RangeError('ours');
    const work = database.transaction(async (db) => {
      await db.insertInto('used_once').values({ key: 'a', expires_at_ms: 1 }).execute();
      throw failure;
    });
    await assert.rejects(work, (error) => error === failure);
    const rows = await database.run((db) => db.selectFrom('used_once').selectAll().execute());
    assert.deepEqual(rows, []);
  });

  it('answers unavailable with the cause when a table is broken under the adapter', async () => {
    using at = temporary();
    await using database = await openSqliteDatabase(at.path);
    await using ledger = openSqlLedger(database);
    const vandal = new DatabaseSync(at.path);
    vandal.exec('drop table usage_event');
    vandal.close();
    await assert.rejects(ledger.events(['x']), isUnavailable);
    await assert.rejects(ledger.prune(0), isUnavailable);
  });

  it('refuses work once closed, also through an adapter that is still open', async () => {
    const database = await openSqliteDatabase(':memory:');
    await using ledger = openSqlLedger(database);
    await database[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await assert.rejects(ledger.prune(0), /the database is closed; /);
    await assert.rejects(
      database.transaction(async () => {}),
      /the database is closed; /,
    );
  });
});

function isUnavailable(error: unknown): boolean {
  assert(error instanceof AppError && error.code === 'unavailable', String(error));
  assert(error.cause instanceof Error && error.detail !== undefined);
  return true;
}

function temporary() {
  const directory = mkdtempSync(join(tmpdir(), 'tallygate-'));
  return {
    path: join(directory, 'data', 'tallygate.db'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
