// A terminal that a test can read and type into: one tmux server per terminal, on a socket in a
// directory of its own, so that nothing is shared with the developer's tmux and nothing stays.
// A terminal sends no signal when a program has finished drawing, so waiting is polling here.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Found } from './needed.ts';

const POLL_MS = 50;
const END_DEADLINE_MS = 1_000;
const SOCKET = 'tallygate';
const SESSION = 'test';
const CONFIG = ['set -g status off', 'set -g remain-on-exit on', 'set -s escape-time 0', ''];

export interface TerminalOptions {
  readonly command: readonly [string, ...string[]];
  /** The whole environment of the command, but for TERM. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Terminal extends AsyncDisposable {
  /** What is on the screen now, without trailing blanks. */
  screen(): Promise<string>;
  /** Presses keys by their tmux names: 'Enter', 'Down', 'Escape', 'C-c'. */
  press(...keys: string[]): Promise<void>;
  /** Types text as it is. */
  type(text: string): Promise<void>;
  /** The first screen that matches; rejects with the last screen when none did in time. */
  waitForScreen(pattern: RegExp, deadlineMs: number): Promise<string>;
  /** The command's exit status once it ended by itself; rejects with the screen when it did not. */
  waitForEnd(deadlineMs: number): Promise<number>;
  /** Ends the command, whatever it does, and the server. */
  close(): Promise<void>;
}

const run = promisify(execFile);

export async function findTmux(): Promise<Found> {
  return run('tmux', ['-V']).then(
    () => ({ available: true }),
    () => ({ available: false, reason: 'tmux is not installed (Debian: apt-get install tmux)' }),
  );
}

export async function openTerminal(options: TerminalOptions): Promise<Terminal> {
  const { command, cwd, columns = 160, rows = 50 } = options;
  const directory = await mkdtemp(join(tmpdir(), 'tallygate-tmux-'));
  const config = join(directory, 'tmux.conf');
  await writeFile(config, CONFIG.join('\n'));
  const env = { ...options.env, TMUX_TMPDIR: directory };
  const tmux = async (...args: string[]) => {
    const { stdout } = await run('tmux', ['-L', SOCKET, '-f', config, ...args], { env });
    return stdout;
  };
  const size = ['-x', String(columns), '-y', String(rows)];
  const clean = ['env', '-u', 'TMUX', '-u', 'TMUX_PANE', '-u', 'TMUX_TMPDIR'];
  // tmux can miss the end of a short command; a shell around it does not.
  const statusFile = join(directory, 'status');
  const told = ['sh', '-c', 'file=$1; shift; "$@"; echo $? >"$file"', 'sh', statusFile];
  const start = ['new-session', '-d', '-s', SESSION, ...size, '-c', cwd, '--'];
  await tmux(...start, ...told, ...clean, 'TERM=xterm-256color', ...command).catch(
    async (error) => {
      await rm(directory, { recursive: true, force: true });
      throw error;
    },
  );
  const about = async (format: string) =>
    (await tmux('display-message', '-p', '-t', SESSION, format)).trim();
  const pids = (await about('#{pane_pid} #{pid}')).split(' ').map(Number);
  const [panePid = 0] = pids;

  const screen = async () => {
    const raw = await tmux('capture-pane', '-p', '-t', SESSION);
    return raw.replace(/[ \t]+$/gm, '').trimEnd();
  };
  const waitForScreen = (pattern: RegExp, deadlineMs: number) =>
    until(deadlineMs, `no ${pattern} on the screen`, screen, async () => {
      const seen = await screen();
      return pattern.test(seen) ? seen : undefined;
    });
  const waitForEnd = (deadlineMs: number) =>
    until(deadlineMs, 'the command did not end', screen, async () => {
      const status = await readFile(statusFile, 'utf8').catch(() => '');
      return status === '' ? undefined : Number(status);
    });
  const press = async (...keys: string[]) => {
    await tmux('send-keys', '-t', SESSION, ...keys);
  };
  const type = async (text: string) => {
    await tmux('send-keys', '-t', SESSION, '-l', '--', text);
  };
  const close = async () => {
    await tmux('kill-server').catch(() => undefined);
    await Promise.all(pids.map(ended));
    killGroup(panePid);
    await rm(directory, { recursive: true, force: true });
  };
  return {
    screen,
    press,
    type,
    waitForScreen,
    waitForEnd,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Asks until there is an answer; says what the screen showed last when there was none in time. */
async function until<T>(
  deadlineMs: number,
  complaint: string,
  screen: () => Promise<string>,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > giveUpAt) {
      const seen = (await screen()).replace(/\n{3,}/g, '\n\n');
      throw new Error(`${complaint} within ${deadlineMs} ms; it shows:\n${seen}`);
    }
    await pause(POLL_MS);
  }
}

/** Whoever ignored the hangup of its terminal. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody did.
  }
}

/** Waits for a process of ours to go, and kills it when it does not. */
async function ended(pid: number): Promise<void> {
  for (let waitedMs = 0; lives(pid) && waitedMs < 2 * END_DEADLINE_MS; waitedMs += POLL_MS) {
    if (waitedMs === END_DEADLINE_MS) process.kill(pid, 'SIGKILL');
    await pause(POLL_MS);
  }
}

/** One that is dead and only waits to be reaped does not live, although signals still reach it. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
