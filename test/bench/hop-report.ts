// The table: latencies as what a candidate adds to asking the model directly, ratios to nginx, and to
// the tree that is compared against.

import { cpus, loadavg } from 'node:os';
import { type HopCase, nameOf } from './hop-cases.ts';
import type { Figures, Measured } from './hop-rounds.ts';

export interface CaseResult {
  readonly name: string;
  readonly case: HopCase;
  readonly measured: readonly Measured[];
}

export function resultOf(wanted: HopCase, measured: readonly Measured[]): CaseResult {
  return { name: nameOf(wanted), case: wanted, measured };
}

const HEAD = ['', 'req/s', '/direct', 'first p50', 'p99', 'end p50', 'p99'].concat([
  ...['CPU ms', '/nginx', 'peak MB', ''],
]);

export function renderCase({ name, measured }: CaseResult): string {
  const figures = (wanted: string) => measured.find((one) => one.name === wanted)?.figures;
  const direct = figures('direct');
  const nginx = figures('nginx');
  const lines = measured.map((one) => {
    const base = figures(one.name.replace(/^tallygate\b/, 'against'));
    return row(one, direct, nginx, one.name.startsWith('tallygate') ? base : undefined);
  });
  return `\n${name}\n${[cells(HEAD), ...lines].join('\n')}\n`;
}

function row(
  { name, figures }: Measured,
  direct: Figures | undefined,
  nginx: Figures | undefined,
  base: Figures | undefined,
): string {
  const isDirect = figures === direct;
  const added = (field: 'firstP50Ms' | 'firstP99Ms' | 'endP50Ms' | 'endP99Ms') => {
    if (isDirect || direct === undefined) return figures[field].toFixed(2);
    const more = figures[field] - direct[field];
    return `${more < 0 ? '' : '+'}${more.toFixed(2)}`;
  };
  const per = (value: number | null, by: number | null | undefined) =>
    value === null || by == null || by === 0 ? '' : (value / by).toFixed(2);
  return cells([
    name,
    figures.requestsPerSecond.toFixed(0),
    per(figures.requestsPerSecond, direct?.requestsPerSecond),
    ...[added('firstP50Ms'), added('firstP99Ms'), added('endP50Ms'), added('endP99Ms')],
    figures.cpuMs?.toFixed(3) ?? '',
    per(figures.cpuMs, nginx?.cpuMs),
    figures.peakMb?.toFixed(0) ?? '',
    figures.failed > 0 ? `${figures.failed} FAILED` : versus(figures, base),
  ]);
}

function versus(figures: Figures, base: Figures | undefined): string {
  if (base === undefined || figures.cpuMs === null || base.cpuMs === null) return '';
  const cpu = (figures.cpuMs / base.cpuMs).toFixed(2);
  const rate = (figures.requestsPerSecond / base.requestsPerSecond).toFixed(2);
  return `  CPU x${cpu}, req/s x${rate}`;
}

function cells([name = '', ...rest]: readonly string[]): string {
  return name.padEnd(28) + rest.map((cell) => cell.padStart(9)).join(' ');
}

/** What was measured on: without it no figure means anything. */
export function machine() {
  return { cores: cpus().length, model: cpus()[0]?.model ?? '', load: loadavg()[0] ?? 0 };
}
