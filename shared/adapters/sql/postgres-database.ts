// PostgreSQL under Kysely, and all that is peculiar to it. Row locks, not a file's, keep writers
// apart: two transactions that want each other's rows are told apart by the database, and the one it
// undid is run again.

import { setTimeout as pause } from 'node:timers/promises';
import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Log } from '#shared/telemetry/log.ts';
import { migrate } from './migrations.ts';
import { classify, isRepeatable, openFailure } from './postgres-errors.ts';
import { openPostgresPool, type PostgresPoolOptions } from './postgres-pool.ts';
import type { Schema } from './schema.ts';
import { createSqlDatabase, type SqlDatabase } from './sql-database.ts';

export interface PostgresDatabaseOptions {
  /** `postgres://user:password@host:port/database?…`, as pg reads it. */
  readonly url: string;
  /** Instead of the URL's. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly maxConnections: number;
  readonly connectTimeoutSeconds: number;
  /** How long one statement may take. Default 10 000. */
  readonly statementTimeoutMs?: number;
  /** Between the three attempts to open. Default 2000. */
  readonly retryIntervalMs?: number;
  readonly log?: Log;
}

const OPEN_ATTEMPTS = 3;
const RETRY_INTERVAL_MS = 2000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** Others wait for the one that migrates, and a new index takes its time. */
const MIGRATION_TIMEOUT_MS = 60_000;
/** The advisory lock of the migrations: "tally" as a number. */
const MIGRATION_LOCK = 0x74_61_6c_6c_79;

/**
 * Connects and brings the tables up to date; of several processes that do so at once one migrates.
 * @throws AppError `unavailable`, naming what to correct and never what is in it, when the database
 * is not reachable in three attempts, refuses the role, or is a newer version's; `invalid_request`
 * when the URL cannot be read.
 */
export async function openPostgresDatabase(options: PostgresDatabaseOptions): Promise<SqlDatabase> {
  const { log, retryIntervalMs = RETRY_INTERVAL_MS } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await migrateOnce(options);
      break;
    } catch (caught) {
      const { error, isPassing } = openFailure(caught);
      if (attempt === OPEN_ATTEMPTS || !isPassing) throw error;
      log?.warn('could not connect to PostgreSQL; trying again', {
        attempt,
        attempts: OPEN_ATTEMPTS,
        err: error,
      });
      await pause(retryIntervalMs);
    }
  }
  const onIdleDeath = (err: Error) => log?.warn('an idle connection to PostgreSQL died', { err });
  const kysely = kyselyOn({ ...poolOptions(options), onIdleDeath });
  return createSqlDatabase({ kysely, classify, isRepeatable });
}

async function migrateOnce(options: PostgresDatabaseOptions): Promise<void> {
  const statementTimeoutMs = MIGRATION_TIMEOUT_MS;
  const kysely = kyselyOn({ ...poolOptions(options), maxConnections: 1, statementTimeoutMs });
  try {
    await kysely.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx);
      await migrate(tx, 'postgres');
    });
  } finally {
    await kysely.destroy();
  }
}

function kyselyOn(options: PostgresPoolOptions): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: openPostgresPool(options) }) });
}

function poolOptions(options: PostgresDatabaseOptions): PostgresPoolOptions {
  const { url, username, password, maxConnections, connectTimeoutSeconds } = options;
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS } = options;
  const connectTimeoutMs = connectTimeoutSeconds * 1000;
  return { url, username, password, maxConnections, connectTimeoutMs, statementTimeoutMs };
}
