// What another Node process holds: its resident memory as the system counts it (Linux only), and what
// its V8 says through the inspector; start it with `--inspect=127.0.0.1:0`.

import { readFile } from 'node:fs/promises';

export interface LiveMemory {
  /** All in bytes. */
  readonly rss: number;
  readonly heap: number;
  /** Bodies and other bytes outside the heap. */
  readonly buffers: number;
}

export interface Inspector extends Disposable {
  /** Bytes, garbage included; the process is not touched. */
  resident(): Promise<number>;
  /** After a collection of garbage. */
  live(): Promise<LiveMemory>;
  /** Milliseconds of processor time so far. */
  cpuMs(): Promise<number>;
}

interface Answer {
  readonly id?: number;
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

/** @param output of the process, where Node says at which address it listens for inspectors */
export async function openInspector(output: string, pid: number): Promise<Inspector> {
  const url = /ws:\/\/[^\s]+/.exec(output)?.[0];
  if (url === undefined) throw new Error('the process listens for no inspector');
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  let nth = 0;
  const waiting = new Map<number, (value: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id = 0, result } = JSON.parse(String(data)) as Answer;
    waiting.get(id)?.(result?.result?.value);
    waiting.delete(id);
  });
  const call = (method: string, params: object = {}) => {
    nth += 1;
    const id = nth;
    socket.send(JSON.stringify({ id, method, params }));
    return new Promise<unknown>((resolve) => waiting.set(id, resolve));
  };
  const evaluate = (expression: string) =>
    call('Runtime.evaluate', { expression, returnByValue: true });
  const resident = async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  };
  return {
    resident,
    async live() {
      await call('HeapProfiler.collectGarbage');
      const used = (await evaluate('process.memoryUsage()')) as NodeJS.MemoryUsage;
      return { rss: await resident(), heap: used.heapUsed, buffers: used.arrayBuffers };
    },
    async cpuMs() {
      const { user, system } = (await evaluate('process.cpuUsage()')) as NodeJS.CpuUsage;
      return (user + system) / 1000;
    },
    [Symbol.dispose]: () => socket.close(),
  };
}
