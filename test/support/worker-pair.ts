// A primary and one worker that do nothing but follow; this file is also what runs in them.

import { type ChildProcess, spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { followPrimary } from '../../services/wiring/workers/follow-primary.ts';

export interface WorkerPair extends Disposable {
  readonly primary: ChildProcess;
  /** The worker's process id. */
  readonly worker: number;
  /** The next line of the worker: why it is to stop, and how it ended. */
  said(): Promise<string>;
}

const DRAIN_MS = 500;

export async function startWorkerPair(): Promise<WorkerPair> {
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const primary = spawn(process.execPath, [import.meta.filename], { stdio: [...stdio] });
  const lines = createInterface({ input: primary.stdout })[Symbol.asyncIterator]();
  const said = async () => String((await lines.next()).value);
  const worker = Number(/^worker (\d+)$/.exec(await said())?.[1]);
  return { primary, worker, said, [Symbol.dispose]: () => void primary.kill('SIGKILL') };
}

/** Drains for half a second, or until SIGUSR2 says that it is done. */
async function work(): Promise<void> {
  const say = (line: string) => void writeSync(1, `${line}\n`);
  process.on('exit', (code) => say(`exit ${code}`));
  const done = Promise.withResolvers<void>();
  process.once('SIGUSR2', () => done.resolve());
  using following = followPrimary();
  say(`worker ${process.pid}`);
  say(await following.stopped);
  setTimeout(done.resolve, DRAIN_MS);
  await done.promise;
}

if (import.meta.main) {
  if (cluster.isPrimary) cluster.fork();
  else await work();
}
