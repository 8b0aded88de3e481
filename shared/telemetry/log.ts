/** An error prints its message and code, its cause shortened; its stack only at debug. */
export type LogValue = string | number | boolean | null | undefined | Error | readonly string[];

/** Values of a log line: flat, so that nothing large or secret slips in with an object. */
export type LogFields = Readonly<Record<string, LogValue>>;

/**
 * Operational lines and security events. Never prompt content, never a secret: what is not a named
 * field is not logged.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** One JSON line per security event; names as in the wire contract (`auth.denied`, …). */
  audit(evt: string, fields: LogFields): void;
}
