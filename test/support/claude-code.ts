// The real client, for tests: one pinned version, kept in a cache outside the repository so that it
// is never a dependency of the project (it is proprietary and 380 MB). Found or installed, or a
// reason why not; whether that reason is a skip or a failure is the caller's to decide.

import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const CLAUDE_CODE_VERSION = '2.1.330';

const PACKAGE = '@anthropic-ai/claude-code-linux-x64';
const INSTALL_DEADLINE_MS = 180_000;
const VERSION_DEADLINE_MS = 20_000;

export type FoundClaudeCode =
  | { readonly available: true; readonly binary: string }
  | { readonly available: false; readonly reason: string };

const run = promisify(execFile);

/** Finds the pinned client in the cache, or installs it there with npm. Never rejects. */
export async function findClaudeCode(): Promise<FoundClaudeCode> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return unavailable(`it is pinned for linux-x64, this is ${process.platform}-${process.arch}`);
  }
  const directory = join(cacheDirectory(), `claude-code-${CLAUDE_CODE_VERSION}`);
  const binary = join(directory, 'node_modules', PACKAGE, 'claude');
  try {
    if (!(await exists(binary))) await install(directory);
    const { stdout } = await run(binary, ['--version'], {
      timeout: VERSION_DEADLINE_MS,
      env: { HOME: directory, CLAUDE_CONFIG_DIR: join(directory, 'config'), PATH: '/usr/bin:/bin' },
    });
    if (stdout.startsWith(`${CLAUDE_CODE_VERSION} `)) return { available: true, binary };
    return unavailable(`${binary} says it is version ${stdout.trim()}`);
  } catch (error) {
    return unavailable(firstLine(error));
  }
}

/** Beside its place and then moved there, so that two tests that start together do not collide. */
async function install(directory: string): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const staging = await mkdtemp(`${directory}.installing-`);
  const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  const wanted = `${PACKAGE}@${CLAUDE_CODE_VERSION}`;
  try {
    await run('npm', ['install', '--prefix', staging, ...flags, '--loglevel=error', wanted], {
      cwd: staging,
      timeout: INSTALL_DEADLINE_MS,
    });
    await rename(staging, directory).catch(async (error: unknown) => {
      if (!(await exists(join(directory, 'node_modules', PACKAGE, 'claude')))) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tallygate');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function unavailable(reason: string): FoundClaudeCode {
  return { available: false, reason: `Claude Code ${CLAUDE_CODE_VERSION}: ${reason}` };
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr || message || String(error)).trim().split('\n').slice(0, 2).join(' ');
}
