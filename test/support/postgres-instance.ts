// Instances over PostgreSQL: one server per test file, one schema per instance. The database sorts
// texts as people do, not by bytes, so that a key without `collate "C"` is found out.

import { after, before, describe } from 'node:test';
import pg from 'pg';
import { openPostgresAdminStore } from '#shared/adapters/admin-store/postgres.ts';
import { openPostgresGrantStore } from '#shared/adapters/grant-store/postgres.ts';
import { openPostgresLedger } from '#shared/adapters/ledger/postgres.ts';
import {
  openPostgresDatabase,
  type PostgresDatabaseOptions,
} from '#shared/adapters/sql/postgres-database.ts';
import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { type Instance, instanceOf } from './instance.ts';
import { skipUnless } from './needed.ts';
import { findPostgres, type PostgresServer, startPostgres } from './servers/postgres.ts';

export interface TestPostgres {
  readonly server: () => PostgresServer;
  /** A new schema, as the URL that leads to it; the superuser's. */
  freshUrl(): Promise<string>;
  /** As the superuser. */
  query(url: string, sql: string): Promise<unknown[]>;
  open<Port extends AsyncDisposable>(
    openPort: (database: SqlDatabase) => Port,
    childExport: string,
  ): Promise<Instance<Port>>;
}

/** Tests with a server of their own, or a skip that says why. */
export function describeOnPostgres(define: (postgres: TestPostgres) => void): void {
  const found = findPostgres();
  describe('on PostgreSQL', { skip: skipUnless(found) }, () => {
    let server: PostgresServer | null = null;
    before(async () => {
      server = await startPostgres(found.available ? found.program : '');
      const create =
        "create database linguistic template template0 locale_provider icu icu_locale 'en'";
      await query(server.url, create);
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
    });
    define(testPostgres(() => {
      if (server === null) throw new Error('the server is started before the first test');
      return server;
    }));
  });
}

/** What tests open a database with, unless they say otherwise. */
export function databaseAt(
  url: string,
  options: Partial<PostgresDatabaseOptions> = {},
): Promise<SqlDatabase> {
  return openPostgresDatabase({ url, maxConnections: 5, connectTimeoutSeconds: 5, ...options });
}

export const openLedgerAt = (url: string): Promise<Ledger> => withDatabase(url, openPostgresLedger);
export const openAdminStoreAt = (url: string): Promise<AdminStore> =>
  withDatabase(url, openPostgresAdminStore);
export const openGrantStoreAt = (url: string): Promise<GrantStore> =>
  withDatabase(url, openPostgresGrantStore);

/** The adapter of a child, which ends when it is closed: an open pool would keep it. */
async function withDatabase<Port extends AsyncDisposable>(
  url: string,
  openPort: (database: SqlDatabase) => Port,
): Promise<Port> {
  const database = await databaseAt(url);
  const port = openPort(database);
  return {
    ...port,
    async [Symbol.asyncDispose]() {
      await port[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

function testPostgres(server: () => PostgresServer): TestPostgres {
  let schemas = 0;
  const freshUrl = async () => {
    const url = server().url.replace(/\/postgres$/, '/linguistic');
    schemas += 1;
    const schema = `instance_${schemas}`;
    await query(url, `create schema ${schema}`);
    return `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`;
  };
  return {
    server,
    freshUrl,
    query,
    open: async (openPort, childExport) => openInstance(await freshUrl(), openPort, childExport),
  };
}

/** Each handle is an adapter on a pool of its own, closed in reverse. */
async function openInstance<Port extends AsyncDisposable>(
  url: string,
  openPort: (database: SqlDatabase) => Port,
  childExport: string,
): Promise<Instance<Port>> {
  return instanceOf(
    { module: import.meta.url, export: childExport, argument: url },
    async (opened) => openPort(opened.use(await databaseAt(url))),
  );
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
