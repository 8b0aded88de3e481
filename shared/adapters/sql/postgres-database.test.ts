import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { sql } from 'kysely';
import { AppError } from '#shared/errors/app-error.ts';
import { freePort } from '../../../test/support/free-port.ts';
import { eventually } from '../../../test/support/inbox.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import {
  databaseAt,
  describeOnPostgres,
  type TestPostgres,
} from '../../../test/support/postgres-instance.ts';
import { openSqlAdminStore } from './admin-store.ts';
import { openSqlLedger } from './ledger.ts';
import { appliedSteps } from './migrations.ts';

describe('a PostgreSQL that cannot be opened', () => {
  it('is tried three times, and named without what its address holds', async () => {
    const url = `postgres://tally:s3cret@127.0.0.1:${await freePort()}/books`;
    const log = createMemoryLog();
    await assert.rejects(databaseAt(url, { retryIntervalMs: 1, log }), (error) => {
      assert(error instanceof AppError && error.code === 'unavailable');
      assert.match(error.message, /could not connect to PostgreSQL; check store\.postgres_url/);
      assert.equal(error.detail, 'ECONNREFUSED');
      return true;
    });
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields['attempt']]),
      [
        ['warn', 1],
        ['warn', 2],
      ],
    );
  });

  it('is refused at once when its address cannot be read, and shows nothing of it', async () => {
    const url = 'postgres://tally:s3cret@ho st:port/books';
    const opening = databaseAt(url, { password: 'hidd3n' });
    await assert.rejects(opening, (error) => {
      assert(error instanceof AppError && error.code === 'invalid_request');
      assert.match(error.message, /^store\.postgres_url cannot be read; /);
      assert.doesNotMatch(inspect(error), /s3cret|hidd3n|books/);
      return true;
    });
  });
});

describeOnPostgres((postgres) => {
  describe('openPostgresDatabase', { timeout: 60_000 }, () => {
    opening(postgres);
    statements(postgres);
    deaths(postgres);
  });
});

function opening(postgres: TestPostgres): void {
  it('takes the user and the password beside the URL instead of those in it', async () => {
    const url = await postgres.freshUrl();
    await demandPassword(postgres, 'clerk', 'p+ss w%rd&');
    const schema = decodeURIComponent(url).split('=').at(-1);
    await postgres.query(url, `grant create, usage on schema ${schema} to clerk`);
    const wrong = url.replace('//postgres@', '//nobody:s3cret@');
    await using database = await databaseAt(wrong, { username: 'clerk', password: 'p+ss w%rd&' });
    const who = await database.run((db) => sql<{ who: string }>`select user as who`.execute(db));
    assert.deepEqual(who.rows, [{ who: 'clerk' }]);
    const log = createMemoryLog();
    const refused = databaseAt(wrong, { username: 'clerk', password: 'hidd3n', log });
    await assert.rejects(refused, (error) => {
      assert(error instanceof AppError && error.code === 'unavailable');
      assert.match(error.message, /store\.postgres_url.*correct store\.username and store\.passw/);
      assert.doesNotMatch(`${error.message} ${error.detail}`, /clerk|hidd3n|linguistic/);
      assert.equal(error.detail, '28P01');
      return true;
    });
    assert.deepEqual(log.lines, [], 'another attempt would fail alike');
  });

  it('opens a database again without migrating it twice', async () => {
    const url = await postgres.freshUrl();
    for (let times = 0; times < 2; times += 1) {
      await using database = await databaseAt(url);
      const rows = await database.run((db) => db.selectFrom('migration').selectAll().execute());
      assert.equal(rows.length, appliedSteps('postgres').length);
    }
  });

  it('refuses a database of a newer version in a sentence that tells what to run', async () => {
    const url = await postgres.freshUrl();
    await using database = await databaseAt(url);
    await database.run((db) => db.insertInto('migration').values({ name: '9999-new' }).execute());
    await assert.rejects(
      databaseAt(url),
      /newer version of Tallygate; run that version or a newer/,
    );
  });

  it('works in UTC under its own name, and lets no transaction idle', async () => {
    await using database = await databaseAt(await postgres.freshUrl());
    const show = async (name: string) => {
      const { rows } = await database.run((db) =>
        sql<{ value: string }>`select current_setting(${name}) as value`.execute(db),
      );
      return rows[0]?.value;
    };
    assert.equal(await show('timezone'), 'UTC');
    assert.equal(await show('application_name'), 'tallygate');
    assert.equal(await show('statement_timeout'), '10s');
    assert.equal(await show('idle_in_transaction_session_timeout'), '10s');
  });
}

function statements(postgres: TestPostgres): void {
  it('answers whole numbers exactly, or fails', async () => {
    await using database = await databaseAt(await postgres.freshUrl());
    const select = async (expression: string) => {
      const asked = sql.raw<{ value: unknown }>(`select ${expression} as value`);
      const { rows } = await database.run((db) => asked.execute(db));
      return rows[0]?.value;
    };
    assert.equal(await select('9007199254740991::bigint'), Number.MAX_SAFE_INTEGER);
    assert.equal(await select('(select sum(n) from (values (1::bigint), (2)) as t (n))'), 3);
    assert.equal(await select('null::bigint'), null);
    await assert.rejects(
      select('9007199254740992::bigint'),
      /9007199254740992.* not a safe integer/,
    );
    await assert.rejects(select('0.5'), RangeError);
    assert.equal(await select('1::bigint'), 1, 'the connection goes on');
  });

  it('answers unavailable with the cause when a table is broken under the adapter', async () => {
    const url = await postgres.freshUrl();
    await using database = await databaseAt(url);
    await using ledger = openSqlLedger(database);
    await postgres.query(url, 'drop table usage_event cascade');
    await assert.rejects(ledger.prune(0), (error) => {
      assert(error instanceof AppError && error.code === 'unavailable');
      assert(error.cause instanceof Error && error.detail !== undefined);
      return true;
    });
  });

  it('runs a transaction again that the database undid to end a deadlock', async () => {
    await using database = await databaseAt(await postgres.freshUrl());
    const keys = ['a', 'b'];
    await database.run((db) =>
      db
        .insertInto('used_once')
        .values(keys.map((key) => ({ key, expires_at_ms: 0 })))
        .execute(),
    );
    const bothHaveOne = Promise.withResolvers<void>();
    let runs = 0;
    let locks = 0;
    const inOrder = (order: readonly string[]) =>
      database.transaction(async (db) => {
        runs += 1;
        await sql`set local deadlock_timeout = 10`.execute(db);
        for (const key of order) {
          await db
            .updateTable('used_once')
            .set((eb) => ({ expires_at_ms: eb('expires_at_ms', '+', 1) }))
            .where('key', '=', key)
            .execute();
          locks += 1;
          if (locks === 2) bothHaveOne.resolve();
          await bothHaveOne.promise;
        }
      });
    await Promise.all([inOrder(keys), inOrder(keys.toReversed())]);
    assert.equal(runs, 3);
    const rows = await database.run((db) => db.selectFrom('used_once').selectAll().execute());
    assert.deepEqual(
      rows.map((row) => row.expires_at_ms),
      [2, 2],
    );
  });

  it('never shows the caps of one version under another', async () => {
    await using database = await databaseAt(await postgres.freshUrl());
    await using store = openSqlAdminStore(database);
    let isDone = false;
    const write = async () => {
      for (let nth = 1; nth <= 100; nth += 1) {
        await store.upsertCap(
          {
            ...{ id: 'spl_1', scope: { type: 'organization' }, period: 'daily', model: null },
            change: () => ({ amount: `${nth}`, pooledBudget: null }),
          },
          { actor: 'admin-key:test', reason: null, atMs: 0 },
        );
      }
      isDone = true;
    };
    const read = async () => {
      while (!isDone) {
        const { version, caps } = await store.capTable();
        assert.equal(caps[0]?.amountMicroUsd ?? 0, version * 10_000);
      }
    };
    await Promise.all([write(), read(), read()]);
  });
}

function deaths(postgres: TestPostgres): void {
  const endOthers = async (url: string) => {
    const rows = await postgres.query(
      url,
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tallygate'",
    );
    assert(rows.length > 0);
  };

  it('survives the death of idle connections, says so, and opens others', async () => {
    const url = await postgres.freshUrl();
    const log = createMemoryLog();
    await using database = await databaseAt(url, { log, maxConnections: 1 });
    const died = Promise.withResolvers<void>();
    const { warn } = log;
    log.warn = (...line) => {
      warn(...line);
      died.resolve();
    };
    await database.run((db) => db.selectFrom('migration').selectAll().execute());
    await endOthers(url);
    await died.promise;
    const rows = await database.run((db) => db.selectFrom('migration').selectAll().execute());
    assert.equal(rows.length, appliedSteps('postgres').length);
    assert.match(log.lines[0]?.message ?? '', /idle connection to PostgreSQL died/);
  });

  it('answers unavailable when the connection dies between two statements', async () => {
    const url = await postgres.freshUrl();
    await using database = await databaseAt(url);
    const work = database.transaction(async (db) => {
      await db.insertInto('used_once').values({ key: 'a', expires_at_ms: 1 }).execute();
      await endOthers(url);
      await db.insertInto('used_once').values({ key: 'b', expires_at_ms: 1 }).execute();
    });
    await assert.rejects(
      work,
      (error) => error instanceof AppError && error.code === 'unavailable',
    );
    const rows = await database.run((db) => db.selectFrom('used_once').selectAll().execute());
    assert.deepEqual(rows, []);
  });

  it('refuses work once closed', async () => {
    const database = await databaseAt(await postgres.freshUrl());
    await database[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await assert.rejects(
      database.transaction(async () => {}),
      /the database is closed; /,
    );
  });
}

/** A role that must show its password, which nobody else must on the test's server. */
async function demandPassword({ server, query }: TestPostgres, role: string, password: string) {
  const { directory, url } = server();
  await query(url, `create role ${role} login password '${password}'`);
  const file = join(directory, 'data', 'pg_hba.conf');
  const rules = readFileSync(file, 'utf8');
  writeFileSync(file, `host all ${role} 127.0.0.1/32 scram-sha-256\n`);
  appendFileSync(file, rules);
  await query(url, 'select pg_reload_conf()');
  const withoutPassword = url.replace('//postgres@', `//${role}@`);
  await eventually(() =>
    query(withoutPassword, 'select').then(
      () => null,
      () => true,
    ),
  );
}
