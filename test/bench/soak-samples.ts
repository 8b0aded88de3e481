/** What a process held at a moment, as `soak-probe.ts` writes it, a line each. */
export interface Sample {
  /** Since the process began. */
  readonly atS: number;
  readonly rssMb: number;
  /** After a full collection. */
  readonly heapMb: number;
  readonly externalMb: number;
  readonly descriptors: number;
  /** Since the sample before. */
  readonly delayP99Ms: number;
}

export function readSamples(text: string): Sample[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Sample);
}

/** From the first third to the last, medians: a leak grows, a busy minute does not. */
export function growthOf(samples: readonly Sample[], field: keyof Sample) {
  const third = Math.max(1, Math.floor(samples.length / 3));
  const of = (some: readonly Sample[]) => {
    const sorted = some.map((sample) => sample[field]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const [from, to] = [of(samples.slice(0, third)), of(samples.slice(-third))];
  return { from, to, share: (to - from) / from };
}
