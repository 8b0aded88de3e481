import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Opener } from './instance.ts';

export interface TestChild {
  /** The lines it wrote so far. */
  readonly lines: readonly string[];
  /** Resolves when it wrote that many lines; rejects when it ends before. */
  wrote(count: number): Promise<void>;
  /** kill -9, or the end it finds itself; resolves when it is gone and every line was read. */
  kill(): Promise<void>;
  ended(): Promise<void>;
}

/** Runs a script with what it needs to open a port; `wishes` follow as further arguments. */
export function startChild(script: URL, opener: Opener, ...wishes: string[]): TestChild {
  const { module, export: name, argument } = opener;
  const args = [script.pathname, module, name, argument, ...wishes];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    lines.push(line);
    for (const check of waiting) check();
  });
  const gone = Promise.all([closed(child), new Promise((resolve) => reader.on('close', resolve))]);
  const ended = async () => {
    const [{ code, signal }] = await gone;
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the child ended with ${code}`);
  };
  return {
    lines,
    async wrote(count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const check = () => lines.length >= count && resolve();
      waiting.add(check);
      check();
      gone.then(() => reject(new Error(`the child wrote ${lines.length} lines only`)), reject);
      await promise;
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    ended,
  };
}

function closed(child: ChildProcess) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    code: number | null;
    signal: NodeJS.Signals | null;
  }>();
  child.on('error', reject);
  child.on('close', (code, signal) => resolve({ code, signal }));
  return promise;
}
