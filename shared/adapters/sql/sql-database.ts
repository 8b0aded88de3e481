// What the shared statements see of a database: the same for SQLite and PostgreSQL. Everything that
// depends on the dialect (driver, locks, error codes, column types) stays behind this interface.

import { setTimeout as pause } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { AppError } from '#shared/errors/app-error.ts';
import { createGate } from './gate.ts';
import type { Schema } from './schema.ts';

/** Either a connection outside a transaction or one inside: statements do not care. */
export type Queries = Kysely<Schema>;

export interface SqlDatabase extends AsyncDisposable {
  /** Statements outside a transaction: each is atomic by itself. */
  run<T>(work: (db: Queries) => Promise<T>): Promise<T>;
  /**
   * All or nothing. On SQLite the file's only write lock is held meanwhile: the work awaits its own
   * statements and nothing else. On PostgreSQL it may run again, after the database undid it.
   */
  transaction<T>(work: (db: Queries) => Promise<T>): Promise<T>;
}

const TRANSACTION_ATTEMPTS = 5;
const REPEAT_AFTER_MS = 10;

/** What a vendor's error means; null: it is none of the vendor's. */
export type Classify = (caught: unknown) => 'unavailable' | 'conflict' | null;

export interface SqlDatabaseOptions {
  readonly kysely: Kysely<Schema>;
  readonly classify: Classify;
  /** Whether a transaction that failed so was undone because of another, and may be run again. */
  readonly isRepeatable?: (caught: unknown) => boolean;
  /** Runs after the connection is closed. */
  readonly onClosed?: () => void;
}

/** Wraps a connection: translates its failures to AppError and refuses work once closed. */
export function createSqlDatabase(options: SqlDatabaseOptions): SqlDatabase {
  const { kysely, classify, isRepeatable = () => false, onClosed } = options;
  const gate = createGate('the database');
  const translating = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (caught) {
      throw translated(caught, classify);
    }
  };
  let closing: Promise<void> | null = null;
  const close = async () => {
    await gate.close();
    await kysely.destroy();
    onClosed?.();
  };
  return {
    run: (work) => gate.enter(() => translating(() => work(kysely))),
    transaction: (work) =>
      gate.enter(() =>
        translating(() => repeated(() => kysely.transaction().execute(work), isRepeatable)),
      ),
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

async function repeated<T>(
  attempt: () => Promise<T>,
  isRepeatable: (caught: unknown) => boolean,
): Promise<T> {
  for (let nth = 1; ; nth += 1) {
    try {
      return await attempt();
    } catch (caught) {
      if (nth === TRANSACTION_ATTEMPTS || !isRepeatable(caught)) throw caught;
      await pause(nth * REPEAT_AFTER_MS);
    }
  }
}

export function translated(caught: unknown, classify: Classify): unknown {
  if (caught instanceof AppError) return caught;
  const kind = classify(caught);
  if (kind === null) return caught;
  const detail = caught instanceof Error ? caught.message : String(caught);
  return kind === 'conflict'
    ? new AppError(kind, 'this exists already; read it again, then retry', {
        detail,
        cause: caught,
      })
    : new AppError(kind, 'the database is not available; try again in a moment', {
        detail,
        cause: caught,
      });
}
