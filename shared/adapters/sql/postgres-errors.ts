// What PostgreSQL's errors mean. Its codes: https://www.postgresql.org/docs/current/errcodes-appendix.html

import { DatabaseError } from 'pg';
import { AppError } from '#shared/errors/app-error.ts';
import { DDL_COMMAND } from './ddl.ts';
import type { Classify } from './sql-database.ts';

/** The connection, not the database, failed: there was none, it broke, or an answer did not come. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

const CONSTRAINT = '23';
/** A value that the database cannot take: the same again fails again. */
const DATA = '22';

export const classify: Classify = (caught) => {
  if (caught instanceof ConnectionLost) return 'unavailable';
  const code = codeOf(caught);
  if (code === null || code.startsWith(DATA)) return null;
  return code.startsWith(CONSTRAINT) ? 'conflict' : 'unavailable';
};

/** The transaction lost against another and was undone whole: run again, it may win. */
export function isRepeatable(caught: unknown): boolean {
  const code = codeOf(caught);
  // serialization_failure, deadlock_detected
  return code === '40001' || code === '40P01';
}

/** Down, starting, full or slow: worth another try in a moment. */
function isPassing(caught: unknown): boolean {
  if (caught instanceof ConnectionLost || isRepeatable(caught)) return true;
  const code = codeOf(caught) ?? '';
  // connection_exception, insufficient_resources, operator_intervention, lock_not_available
  return ['08', '53', '57', '55'].includes(code.slice(0, 2));
}

/** Why the database could not be opened: for the person who starts the gateway. */
export function openFailure(caught: unknown): { error: AppError; isPassing: boolean } {
  if (caught instanceof AppError) return { error: caught, isPassing: false };
  // The messages of PostgreSQL and of the system name users and hosts, so only the code is told.
  const detail = codeOf(caught) ?? systemCodeOf(caught) ?? 'no answer';
  const error = new AppError('unavailable', openSentence(codeOf(caught)), {
    detail,
    cause: caught,
  });
  return { error, isPassing: isPassing(caught) };
}

function openSentence(code: string | null): string {
  if (code === '42501') {
    return (
      'the role of store.postgres_url may not create tables; let a role that may run what ' +
      `"${DDL_COMMAND}" prints, then start again`
    );
  }
  if (code?.startsWith('28')) {
    return (
      'store.postgres_url: the database refused the user or the password; ' +
      'correct store.username and store.password'
    );
  }
  if (code === '3D000') return 'store.postgres_url names a database that is not there; create it';
  return (
    'could not connect to PostgreSQL; check store.postgres_url, and raise ' +
    'store.connect_timeout_seconds if it needs longer'
  );
}

function codeOf(caught: unknown): string | null {
  return caught instanceof DatabaseError ? (caught.code ?? '') : null;
}

/** ECONNREFUSED and its like, from the innermost cause that has one. */
function systemCodeOf(caught: unknown): string | null {
  if (!(caught instanceof Error)) return null;
  if ('code' in caught && typeof caught.code === 'string') return caught.code;
  return systemCodeOf(caught.cause);
}
