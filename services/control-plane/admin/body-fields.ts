// Fields of JSON bodies. Messages are those of the reference, to the letter: scripts show them.

import { AppError } from '#shared/errors/app-error.ts';

export type Fields = Readonly<Record<string, unknown>>;

const REASON_LENGTH_MAX = 1000;
/** In UTF-8: keys of the database stay far below what its index takes. */
const IDENTIFIER_BYTES_MAX = 2048;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

export function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', path === '' ? message : `${path}: ${message}`);
}

export function record(path: string, value: unknown): Fields {
  if (value === undefined) throw fault(path, 'Required');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fault(path, `Expected object, received ${typeName(value)}`);
  }
  return value as Fields;
}

export function text(path: string, value: unknown): string {
  if (value === undefined) throw fault(path, 'Required');
  if (typeof value !== 'string') throw fault(path, `Expected string, received ${typeName(value)}`);
  return value;
}

/** False where it is absent. */
export function flag(path: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') {
    throw fault(path, `Expected boolean, received ${typeName(value)}`);
  }
  return value;
}

/** The name of a person or a group, as a database can keep it. */
export function identifier(path: string, value: unknown): string {
  const id = text(path, value);
  if (id === '') throw fault(path, 'String must contain at least 1 character(s)');
  if (CONTROL.test(id)) throw fault(path, 'must not contain control characters');
  if (!id.isWellFormed()) throw fault(path, 'must be well-formed Unicode');
  if (Buffer.byteLength(id) > IDENTIFIER_BYTES_MAX) {
    throw fault(path, `must be at most ${IDENTIFIER_BYTES_MAX} bytes long`);
  }
  return id;
}

/** Why something was changed; kept in the audit trail. */
export function parseReason(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const reason = text('reason', value);
  if (reason.length > REASON_LENGTH_MAX) {
    throw fault('reason', `String must contain at most ${REASON_LENGTH_MAX} character(s)`);
  }
  if (reason.includes('\u0000')) throw fault('reason', 'must not contain NUL characters');
  return reason.toWellFormed();
}

export function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
