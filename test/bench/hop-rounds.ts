// The rounds of one case: every candidate in turn, several times over, so that whatever else the
// machine does hits them alike; of each figure the median.

import type { Candidate } from './hop-candidates.ts';
import { type HopCase, roundMs } from './hop-cases.ts';
import { forgetPeak, peakMb, settledCpuMs } from './hop-meter.ts';
import type { BenchModel, Loader } from './hop-worker.ts';

export interface Figures {
  readonly requestsPerSecond: number;
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  readonly endP50Ms: number;
  readonly endP99Ms: number;
  /** Null: nobody's, or too few requests to tell. */
  readonly cpuMs: number | null;
  readonly peakMb: number | null;
  readonly failed: number;
}

export interface Measured {
  readonly name: string;
  readonly figures: Figures;
}

export interface RoundsOptions {
  readonly candidates: readonly Candidate[];
  readonly model: BenchModel;
  readonly loader: Loader;
  readonly rounds: number;
  readonly usualMs: number;
  readonly complain: (text: string) => void;
}

const REQUESTS_MIN = 100;
/** What V8 needs until it has compiled what there is to compile. */
const WARM_UP_REQUESTS = 5_000;

export async function measureCase(wanted: HopCase, options: RoundsOptions): Promise<Measured[]> {
  const { candidates, model, rounds } = options;
  await model.behave({ events: wanted.events, gapMs: wanted.gapMs });
  const taken = new Map<Candidate, Figures[]>(candidates.map((one) => [one, []]));
  for (const candidate of candidates) forgetPeak(candidate.pids());
  for (let nth = 0; nth < rounds; nth += 1) {
    // Each begins in turn, and every other round goes backwards: nobody is always behind the same one.
    const first = nth % candidates.length;
    const turned = [...candidates.slice(first), ...candidates.slice(0, first)];
    for (const candidate of nth % 2 === 0 ? turned : turned.toReversed()) {
      taken.get(candidate)?.push(await measureRound(candidate, wanted, options));
    }
  }
  return candidates.map((candidate) => {
    const all = taken.get(candidate) ?? [];
    return { name: candidate.name, figures: medians(all, candidate) };
  });
}

/** One round that counts for nothing: the code is compiled, the connections are open. */
export async function warmUp(candidate: Candidate, options: RoundsOptions): Promise<void> {
  await options.model.behave({ events: 40, gapMs: 0 });
  const wanted = { bodyBytes: 87_000, events: 40, gapMs: 0, concurrency: 16 };
  await measureRound(candidate, wanted, { ...options, usualMs: 1_500 }, WARM_UP_REQUESTS);
}

async function measureRound(
  candidate: Candidate,
  wanted: HopCase,
  { loader, usualMs, complain }: RoundsOptions,
  requestsMin = REQUESTS_MIN,
): Promise<Figures> {
  const pids = candidate.pids();
  const beforeMs = await settledCpuMs(pids);
  const report = await loader.drive({
    host: '127.0.0.1',
    port: candidate.port,
    path: candidate.path,
    tokens: candidate.tokens,
    bodyBytes: wanted.bodyBytes,
    concurrency: wanted.concurrency,
    durationMs: roundMs(wanted, usualMs),
    requestsMin,
  });
  const spentMs = (await settledCpuMs(pids)) - beforeMs;
  if (report.failure !== null) {
    complain(`${candidate.name}: ${report.failed} failed, the first with ${report.failure}\n`);
  }
  return {
    requestsPerSecond: report.requests / report.seconds,
    firstP50Ms: report.firstMs.p50,
    firstP99Ms: report.firstMs.p99,
    endP50Ms: report.endMs.p50,
    endP99Ms: report.endMs.p99,
    cpuMs: pids.length === 0 || report.requests === 0 ? null : spentMs / report.requests,
    peakMb: pids.length === 0 ? null : peakMb(pids),
    failed: report.failed,
  };
}

function medians(all: readonly Figures[], candidate: Candidate): Figures {
  const of = (field: keyof Figures) => median(all.map((figures) => figures[field] ?? Number.NaN));
  const isMeasured = candidate.pids().length > 0;
  return {
    requestsPerSecond: of('requestsPerSecond'),
    firstP50Ms: of('firstP50Ms'),
    firstP99Ms: of('firstP99Ms'),
    endP50Ms: of('endP50Ms'),
    endP99Ms: of('endP99Ms'),
    cpuMs: isMeasured ? of('cpuMs') : null,
    peakMb: isMeasured ? Math.max(...all.map(({ peakMb: one }) => one ?? 0)) : null,
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
