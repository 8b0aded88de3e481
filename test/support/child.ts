// Child processes that open a port on their own and work on it, to be waited for or killed. This
// file is also what runs in them.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Opener } from './instance.ts';

/** Where a `ChildWork` is exported. */
export interface ChildTask {
  readonly module: string;
  readonly export: string;
}

/** What a child does with its port; what it prints, line by line, is what it knows to be done. */
export type ChildWork<Port> = (
  port: Port,
  print: (line: string) => void,
  ...wishes: string[]
) => Promise<void>;

export interface TestChild {
  /** The lines it printed so far. */
  readonly lines: readonly string[];
  /** Resolves when it printed that many lines; rejects when it ends before. */
  printed(count: number): Promise<void>;
  /** kill -9; resolves when it is gone and every line was read. */
  kill(): Promise<void>;
  /** Resolves when it has ended by itself; rejects when it failed. */
  ended(): Promise<void>;
}

export function startChild(task: ChildTask, opener: Opener, ...wishes: string[]): TestChild {
  const args = [import.meta.filename, JSON.stringify(task), JSON.stringify(opener), ...wishes];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    lines.push(line);
    for (const check of waiting) check();
  });
  const gone = Promise.all([closed(child), new Promise((resolve) => reader.on('close', resolve))]);
  return {
    lines,
    async printed(count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const check = () => lines.length >= count && resolve();
      waiting.add(check);
      check();
      gone.then(() => reject(new Error(`the child printed ${lines.length} lines only`)), reject);
      await promise;
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async ended() {
      const [code] = await gone;
      if (code !== 0) throw new Error(`the child ended with ${code}`);
    },
  };
}

function closed(child: ChildProcess): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject);
  child.on('close', resolve);
  return promise;
}

async function work(task: ChildTask, opener: Opener, wishes: string[]): Promise<void> {
  const open = (await import(opener.module))[opener.export];
  const run = (await import(task.module))[task.export];
  const port = await open(opener.argument);
  // Writing to a pipe is synchronous: what was printed is out before a kill.
  await run(port, (line: string) => process.stdout.write(`${line}\n`), ...wishes);
  await port[Symbol.asyncDispose]();
}

if (import.meta.main) {
  const [task = '', opener = '', ...wishes] = process.argv.slice(2);
  await work(JSON.parse(task), JSON.parse(opener), wishes);
}
