// A server of somebody else's as a child process of a test: started on a port that was free, in a
// process group of its own (launchers that do not exec leave their server behind otherwise), killed,
// frozen or restarted at will, and gone when the test is.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ServerSpec {
  readonly name: string;
  readonly command: string;
  readonly args: (directory: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints once it listens. */
  readonly ready: RegExp;
  /** Who runs it; absent: whoever runs the test. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Done to the directory before each start. */
  readonly prepare?: (directory: string) => Promise<void>;
}

export interface ServerProcess extends AsyncDisposable {
  /** Its own, under the system's temporary directory. */
  readonly directory: string;
  /** To the whole group: SIGSTOP and SIGCONT freeze and thaw it. */
  signal(name: NodeJS.Signals): void;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, in the same directory and on the same port. */
  start(): Promise<void>;
}

const UP_WITHIN_MS = 60_000;

export async function startServer(spec: ServerSpec): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), `tallygate-${spec.name}-`));
  let child: ChildProcess | null = null;
  let closed: Promise<unknown> = Promise.resolve();
  const killNow = () => {
    if (child?.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  };
  // A test that dies by an exception still ends its servers.
  process.once('exit', killNow);

  async function start(): Promise<void> {
    await spec.prepare?.(directory);
    child = spawn(spec.command, spec.args(directory), {
      cwd: directory,
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...spec.user,
    });
    closed = new Promise((resolve) => child?.once('close', resolve));
    await listening(spec, child);
  }

  async function kill(): Promise<void> {
    if (child === null) return;
    killNow();
    // Closed, not exited: a launcher goes before the server that holds its pipes.
    await closed;
    child = null;
  }

  const server = {
    directory,
    signal(name: NodeJS.Signals) {
      if (child?.pid !== undefined) signalGroup(child.pid, name);
    },
    kill,
    start,
    async [Symbol.asyncDispose]() {
      process.off('exit', killNow);
      await kill();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await start();
    return server;
  } catch (caught) {
    await server[Symbol.asyncDispose]();
    throw caught;
  }
}

function listening({ name, ready }: ServerSpec, child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let output = '';
  const hear = (chunk: Buffer) => {
    output += chunk.toString('utf8');
    if (ready.test(output)) resolve();
  };
  const fail = (why: string) => reject(new Error(`${name} ${why}; it printed:\n${output}`));
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  child.once('error', (error) => fail(`cannot be started: ${error.message}`));
  child.once('exit', (code) => fail(`ended with ${code}`));
  const late = setTimeout(() => fail(`did not listen within ${UP_WITHIN_MS} ms`), UP_WITHIN_MS);
  return promise.finally(() => {
    clearTimeout(late);
    // It must go on being read, or it blocks once the pipe is full.
    child.stdout?.off('data', hear).resume();
    child.stderr?.off('data', hear).resume();
  });
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // Gone already.
  }
}
