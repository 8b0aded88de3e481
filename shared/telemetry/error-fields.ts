import { maskCredentials } from './redact.ts';

const CAUSES_CHARS_MAX = 500;
const CAUSES_MAX = 5;

/** An error as a log prints it: no field that is not named here, nothing that is a credential. */
export interface PrintedError {
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
  /** The chain of causes, innermost last, at most 500 characters. */
  readonly cause?: string;
  readonly stack?: string;
}

export function printError(error: Error, withStack: boolean): PrintedError {
  const code = codeOf(error);
  const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : null;
  const causes = causesOf(error);
  return {
    message: maskCredentials(error.message),
    ...(code === null ? {} : { code }),
    ...(detail === null ? {} : { detail: maskCredentials(detail) }),
    ...(causes === '' ? {} : { cause: causes }),
    ...(withStack && error.stack !== undefined ? { stack: maskCredentials(error.stack) } : {}),
  };
}

/** Bounded in depth as well, because a chain of causes can be a circle. */
function causesOf(error: Error): string {
  const told: string[] = [];
  let cause: unknown = error.cause ?? firstOf(error);
  while (cause !== undefined && cause !== null && told.length < CAUSES_MAX) {
    told.push(describeCause(cause));
    cause = cause instanceof Error ? (cause.cause ?? firstOf(cause)) : undefined;
  }
  // Masked before it is cut: the end of a credential may be what makes it recognisable.
  const text = maskCredentials(told.join(' ← '));
  return text.length > CAUSES_CHARS_MAX ? `${text.slice(0, CAUSES_CHARS_MAX - 1)}…` : text;
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : typeof cause;
  const code = codeOf(cause);
  const message = cause.message === '' ? cause.name : cause.message;
  return code === null || message.includes(code) ? message : `${message} (${code})`;
}

function firstOf(error: Error): unknown {
  return error instanceof AggregateError ? error.errors[0] : undefined;
}

function codeOf(error: Error): string | null {
  const code = 'code' in error ? error.code : null;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : null;
}
