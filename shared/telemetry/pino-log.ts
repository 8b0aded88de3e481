// Log lines on stderr. JSON is what Cloud Logging reads: `severity`, `time`, `message`. Text is for
// people. An audit event is one JSON line in both, `ts` and `evt` first, and no level silences it.

import { pino } from 'pino';
import { type Clock, isoTime } from '#shared/domain/clock.ts';
import { type PrintedError, printError } from './error-fields.ts';
import type { Log, LogFields, LogValue } from './log.ts';
import { maskCredentials, redactString } from './redact.ts';
import { type Lines, openStderrLines } from './stderr-lines.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Lines below it are not written. */
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  readonly clock: Clock;
  /** Fields of every line: which of several processes says it. */
  readonly always?: LogFields;
  /** Default: stderr, as `stderr-lines.ts` writes it. */
  readonly destination?: Lines;
}

type Plain = string | number | boolean | null | readonly string[];
type Printed = Plain | PrintedError;
type WriteLine = (level: LogLevel, message: string, fields: LogFields) => void;

const SEVERITIES = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' } as const;
/** Names that the line itself uses; a field of that name gets a trailing underscore. */
const TAKEN = new Set(['severity', 'time', 'message', 'ts', 'evt', '__proto__']);

export function createLog(options: LogOptions): Log {
  const { level, clock, always } = options;
  const whole = (fields: LogFields) => (always === undefined ? fields : { ...always, ...fields });
  const to = options.destination ?? openStderrLines(reportLost);
  const line = options.format === 'json' ? jsonLines(options, to) : textLines(options, to);
  const least = LOG_LEVELS.indexOf(level);
  const at = (own: LogLevel) => {
    if (LOG_LEVELS.indexOf(own) < least) return () => undefined;
    return (message: string, fields: LogFields = {}) => line(own, message, whole(fields));
  };
  const error = at('error');
  const warn = at('warn');
  return {
    debug: at('debug'),
    info: at('info'),
    warn,
    error(message, fields) {
      error(message, fields);
      to.flush?.();
    },
    audit(evt, fields) {
      const start = { ts: isoTime(clock.now()), evt };
      const printed = printFields(whole(fields), messageOf, start);
      to.write(`${JSON.stringify(printed)}\n`);
    },
  };

  function reportLost(lines: number): void {
    warn('what reads this log was too slow, and lines were dropped', { lines });
  }
}

const messageOf = (error: Error): string => printError(error, false).message;

function jsonLines({ level, clock }: LogOptions, to: Lines): WriteLine {
  const withStack = level === 'debug';
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${isoTime(clock.now())}"`,
      formatters: { level: (label) => ({ severity: SEVERITIES[label as LogLevel] }) },
      // Fields are already printed; pino must not unfold an error a second time.
      serializers: { err: (value: unknown) => value },
    },
    { write: (text: string) => void to.write(text) },
  );
  return (own, message, fields) =>
    logger[own](
      printFields(fields, (error) => printError(error, withStack)),
      maskCredentials(message),
    );
}

function textLines({ level, clock }: LogOptions, to: Lines): WriteLine {
  const withStack = level === 'debug';
  return (own, message, fields) => {
    const printed = printFields(fields, (error) => printError(error, withStack));
    const pairs = Object.entries(printed).flatMap(([name, value]) => textPairs(name, value));
    const start = `${isoTime(clock.now())} ${own.toUpperCase().padEnd(5)} `;
    to.write(`${start}${[oneLine(maskCredentials(message)), ...pairs].join(' ')}\n`);
  };
}

function textPairs(name: string, value: Printed): string[] {
  if (typeof value !== 'object' || value === null) return [`${name}=${quoteIfNeeded(value)}`];
  if (isList(value)) return [`${name}=${quoteIfNeeded(value.join(','))}`];
  return Object.entries(value).map(([part, text]) =>
    part === 'message'
      ? `${name}=${quoteIfNeeded(text)}`
      : `${name}.${part}=${quoteIfNeeded(text)}`,
  );
}

function quoteIfNeeded(value: string | number | boolean | null): string {
  const text = String(value);
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : oneLine(JSON.stringify(text));
}

/** A line break in a message must not begin a line, nor an escape sequence paint the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (char) => {
    if (char === '\n') return '\\n';
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Adds them to `printed`, which is returned. */
function printFields<E extends Printed>(
  fields: LogFields,
  render: (error: Error) => E,
  printed: Record<string, Plain | E> = {},
): Record<string, Plain | E> {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    printed[TAKEN.has(name) ? `${name}_` : name] = printValue(name, value, render);
  }
  return printed;
}

function printValue<E extends Printed>(
  name: string,
  value: Exclude<LogValue, undefined>,
  render: (error: Error) => E,
): Plain | E {
  if (value instanceof Error) return render(value);
  if (isList(value)) return value.map((entry) => redactString(name, entry));
  return typeof value === 'string' ? redactString(name, value) : value;
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}
