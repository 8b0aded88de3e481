// pg's pool as Kysely wants it, with what pg leaves open. A statement that gets no answer ends with
// its connection: pg's own query timeout would give the connection back to the pool, hung. A
// connection that dies between two statements must not end the process. Integers are exact or an
// error.

import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { Client, type ClientBase, DatabaseError, Pool, type PoolClient, types } from 'pg';
import { AppError } from '#shared/errors/app-error.ts';
import { ConnectionLost } from './postgres-errors.ts';

export interface PostgresPoolOptions {
  readonly url: string;
  /** Instead of the URL's. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly maxConnections: number;
  /** For a connection: a free one of the pool, or a new one. */
  readonly connectTimeoutMs: number;
  /** The database ends a statement that takes longer; a second later we end its connection. */
  readonly statementTimeoutMs: number;
  /** Told of a connection that died while nobody used it; the next call opens another. */
  readonly onIdleDeath?: (error: Error) => void;
}

const GRACE_MS = 1000;
const INT8 = 20;
/** What the sum of bigints is. */
const NUMERIC = 1700;

/** @throws AppError `invalid_request` when the URL cannot be read. */
export function openPostgresPool(options: PostgresPoolOptions): PostgresPool {
  const { maxConnections, connectTimeoutMs, statementTimeoutMs, onIdleDeath } = options;
  const connectionString = withCredentials(options);
  assertReadable(connectionString);
  const answerWithinMs = statementTimeoutMs + GRACE_MS;
  const pool = new Pool({
    connectionString,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: 'tallygate',
    keepAlive: true,
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === INT8 || oid === NUMERIC
          ? exactInteger
          : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
    // Not start-up parameters: connection poolers refuse those.
    onConnect: (client) => settle(client, statementTimeoutMs, answerWithinMs),
  });
  pool.on('error', (error) => onIdleDeath?.(error));
  const open = new Set<PoolClient>();
  pool.on('connect', (client) => {
    open.add(client);
    client.once('end', () => open.delete(client));
    // The statement in work is rejected by itself; an event that nobody hears ends the process.
    client.on('error', () => {});
  });
  return {
    options: pool.options,
    async connect() {
      try {
        return withDeadline(await pool.connect(), answerWithinMs);
      } catch (caught) {
        throw lostUnlessSaid(caught, 'no connection to the database');
      }
    },
    async end() {
      await pool.end();
      await goodbye(open);
    },
  };
}

/** Waits for the sockets, which pg does not; a database that is hung never closes its side. */
async function goodbye(open: ReadonlySet<PoolClient>): Promise<void> {
  const late = setTimeout(() => {
    for (const client of open) client.connection.stream.destroy();
  }, GRACE_MS);
  await Promise.all(
    [...open].map((client) => new Promise((resolve) => client.once('end', resolve))),
  );
  clearTimeout(late);
}

function withDeadline(client: PoolClient, answerWithinMs: number): PostgresPoolClient {
  let lost: unknown = null;
  // Unknown, because Kysely's type has cursors too; it makes them only when it is told how.
  const query: unknown = async (sql: string, parameters: readonly unknown[]) => {
    // What comes after a loss, a rollback for one, fails for the reason of the loss.
    if (lost !== null) throw lost;
    try {
      return await answered(client, sql, parameters, answerWithinMs);
    } catch (caught) {
      if (caught instanceof ConnectionLost) lost = caught;
      throw caught;
    }
  };
  return {
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || lost !== null),
  };
}

async function answered(
  client: ClientBase,
  sql: string,
  parameters: readonly unknown[],
  withinMs: number,
) {
  let isLate = false;
  const deadline = setTimeout(() => {
    isLate = true;
    // With a statement in work this destroys the socket, which rejects the statement.
    (client as Client).end(() => {});
  }, withinMs);
  try {
    return await client.query(sql, [...parameters]);
  } catch (caught) {
    const why = isLate ? `no answer within ${withinMs} ms` : 'the connection broke';
    throw lostUnlessSaid(caught, why);
  } finally {
    clearTimeout(deadline);
  }
}

async function settle(client: ClientBase, statementMs: number, withinMs: number): Promise<void> {
  // The last one ends a transaction whose process was stopped: its locks must not hold up the others.
  const sql =
    `set timezone = 'UTC'; set statement_timeout = ${statementMs}; ` +
    `set idle_in_transaction_session_timeout = ${statementMs}`;
  await answered(client, sql, [], withinMs);
}

/** Only the database's own errors and those of our parser have another cause than the connection. */
function lostUnlessSaid(caught: unknown, why: string): unknown {
  const isSaid = [DatabaseError, RangeError, ConnectionLost].some((said) => caught instanceof said);
  return isSaid ? caught : new ConnectionLost(why, { cause: caught });
}

function exactInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`the database answered ${text}, which is not a safe integer`);
}

/** As parameters they come before those in the URL, also in one without a host. */
function withCredentials({ url, username, password }: PostgresPoolOptions): string {
  const given = new URLSearchParams();
  if (username !== undefined) given.set('user', username);
  if (password !== undefined) given.set('password', password);
  if (given.size === 0) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${given}`;
}

function assertReadable(connectionString: string): void {
  try {
    new Client({ connectionString });
  } catch {
    // Without its cause, which may hold the URL and with it the password.
    throw new AppError(
      'invalid_request',
      'store.postgres_url cannot be read; write postgres://user@host:port/database',
    );
  }
}
