// A server under measurement: what it prints goes into a file, so that nobody's pipe is part of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { family } from './hop-meter.ts';

export interface HopProcess extends AsyncDisposable {
  /** The process and its children. */
  pids(): number[];
  /** From its start until it answered as wanted. */
  readonly readyMs: number;
}

export interface HopProcessOptions {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Answers with a success, or at all where that is enough, once it is ready. */
  readonly readyUrl: string;
  readonly isReady?: (status: number) => boolean;
}

const UP_WITHIN_MS = 60_000;

export async function startHop(options: HopProcessOptions): Promise<HopProcess> {
  const { name, command, folder, readyUrl, isReady = (status) => status === 200 } = options;
  const [program, ...args] = command;
  mkdirSync(join(folder, 'output'), { recursive: true });
  const output = join(folder, 'output', `${name.replaceAll(/\W+/g, '-')}.log`);
  const fd = openSync(output, 'a');
  const startedAt = performance.now();
  const env = { ...process.env, ...options.env };
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', fd, fd] });
  closeSync(fd);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = async () => {
    child.kill('SIGKILL');
    await closed;
  };
  try {
    await ready(child, readyUrl, isReady);
  } catch (caught) {
    await kill();
    throw new Error(`${name}: ${caught}\n${readFileSync(output, 'utf8').slice(-4000)}`);
  }
  return {
    pids: () => family(child.pid ?? 0),
    readyMs: performance.now() - startedAt,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await closed;
      clearTimeout(late);
    },
  };
}

async function ready(
  child: ChildProcess,
  url: string,
  isReady: (status: number) => boolean,
): Promise<void> {
  for (const deadline = performance.now() + UP_WITHIN_MS; performance.now() < deadline; ) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const status = await fetch(url).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0,
    );
    if (isReady(status)) return;
    await pause(5);
  }
  throw new Error('it was not ready in time');
}
