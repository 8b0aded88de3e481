// What processes cost, from /proc: their CPU time to the nanosecond, and the memory that they held at
// most. Linux alone.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Of all threads that still run: Node's never end before it does. */
export function cpuMs(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ', 1)[0]);
    }
  }
  return nanoseconds / 1e6;
}

/** Resolves with the CPU time once they have gone quiet: what an answer leaves behind is done then. */
export async function settledCpuMs(pids: readonly number[], waitMs = 3_000): Promise<number> {
  let before = cpuMs(pids);
  for (const deadline = performance.now() + waitMs; performance.now() < deadline; ) {
    await pause(60);
    const now = cpuMs(pids);
    if (now - before < 3) return now;
    before = now;
  }
  return before;
}

/** The mark from which `peakMb` counts. */
export function forgetPeak(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // Not allowed here: the peak is that of its whole life then.
    }
  }
}

export function peakMb(pids: readonly number[]): number {
  return statusMb(pids, 'VmHWM');
}

export function residentMb(pids: readonly number[]): number {
  return statusMb(pids, 'VmRSS');
}

/** A process and what it started. */
export function family(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

function statusMb(pids: readonly number[], field: 'VmHWM' | 'VmRSS'): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm');
  const kilobytes = pids.map((pid) => Number(line.exec(read(`/proc/${pid}/status`))?.[1] ?? 0));
  return kilobytes.reduce((sum, one) => sum + one, 0) / 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
