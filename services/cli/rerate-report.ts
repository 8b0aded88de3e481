// A re-rating as text for people: what changes, for whom, in exact dollars.

import { add, type MicroUsd, subtract, ZERO } from '#shared/domain/money.ts';
import type { RerateLine } from '#shared/domain/rerating.ts';

const HEADINGS = ['model', 'person', 'events', 'changed', 'was USD', 'would be USD', 'difference'];

/** The lines in which something changes, and the total over all. */
export function renderRerate(lines: readonly RerateLine[]): string {
  const changed = lines.filter((line) => line.changed > 0);
  const total = lines.reduce(addLines, {
    ...{ model: 'total', sub: '', email: '', events: 0, changed: 0 },
    ...{ wasMicroUsd: ZERO, wouldBeMicroUsd: ZERO },
  });
  return table([HEADINGS, ...[...changed, total].map(cellsOf)]);
}

/** `-0.000012`, `12.500000`: to the micro-USD. */
export function usdText(amount: MicroUsd): string {
  const micro = BigInt(amount);
  const [sign, size] = micro < 0n ? ['-', -micro] : ['', micro];
  return `${sign}${size / 1_000_000n}.${String(size % 1_000_000n).padStart(6, '0')}`;
}

function addLines(a: RerateLine, b: RerateLine): RerateLine {
  return {
    ...a,
    events: a.events + b.events,
    changed: a.changed + b.changed,
    wasMicroUsd: add(a.wasMicroUsd, b.wasMicroUsd),
    wouldBeMicroUsd: add(a.wouldBeMicroUsd, b.wouldBeMicroUsd),
  };
}

function cellsOf(line: RerateLine): string[] {
  const { wasMicroUsd, wouldBeMicroUsd } = line;
  return [
    plain(line.model),
    plain(line.email ?? line.sub),
    String(line.events),
    String(line.changed),
    usdText(wasMicroUsd),
    usdText(wouldBeMicroUsd),
    usdText(subtract(wouldBeMicroUsd, wasMicroUsd)),
  ];
}

/** Names to the left, figures to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADINGS.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, (row[column] ?? '').length), 0),
  );
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      });
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

/** What a client or a token said must not draw on the terminal. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}
