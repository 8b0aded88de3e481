import type { Log, LogFields } from '#shared/telemetry/log.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'audit';
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for tests that read them. */
export function createMemoryLog(): Log & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (message: string, fields: LogFields = {}) => {
      lines.push({ level, message, fields });
    };
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    audit: at('audit'),
  };
}
