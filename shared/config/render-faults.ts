import type { Fault, Warning } from './fault.ts';

/** Faults as the text for a terminal: a heading, then one line each. */
export function renderFaults(faults: readonly Fault[], file = 'gateway.yaml'): string {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  const lines = faults.map((fault) => `  ${oneLine(fault.message)}`);
  return [`${file} has ${count}; nothing was started or changed:`, ...lines, ''].join('\n');
}

/** Warnings, one line each; empty when there are none. */
export function renderWarnings(warnings: readonly Warning[], file = 'gateway.yaml'): string {
  return warnings.map((warning) => `${file}: ${oneLine(warning.message)}\n`).join('');
}

/** A value in the file must not draw on the terminal. */
function oneLine(message: string): string {
  return message.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
