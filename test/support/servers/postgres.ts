// PostgreSQL refuses to run as root, so root starts it as the user that Debian made for it. Its
// backends lead process groups of their own, so that a signal to the server's group misses them.

import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../free-port.ts';
import { type FoundProgram, findProgram } from './program.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface PostgresServer extends ServerProcess {
  /** The superuser's, database `postgres`. */
  readonly url: string;
}

export interface PostgresOptions {
  /** False (default): a killed server loses nothing, a power cut might. Benchmarks want true. */
  readonly fsync?: boolean;
}

const run = promisify(execFile);

export function findPostgres(): FoundProgram {
  const found = findProgram(
    'postgres',
    globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
    'Debian: apt-get install postgresql',
  );
  if (!found.available || !isRoot() || serverUser() !== null) return found;
  return {
    available: false,
    reason: 'PostgreSQL does not run as root, and no user postgres exists',
  };
}

export async function startPostgres(
  program: string,
  { fsync = false }: PostgresOptions = {},
): Promise<PostgresServer> {
  const port = await freePort();
  const user = isRoot() ? (serverUser() ?? undefined) : undefined;
  const server = await startServer({
    name: 'postgres',
    command: program,
    args: (directory) => [
      ...['-D', join(directory, 'data'), '-p', String(port), '-k', directory],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', `fsync=${fsync ? 'on' : 'off'}`],
    ],
    ready: /database system is ready to accept connections/,
    async prepare(directory) {
      const data = join(directory, 'data');
      if (existsSync(data)) return;
      if (user !== undefined) chownSync(directory, user.uid, user.gid);
      const initdb = join(dirname(program), 'initdb');
      const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
      await run(initdb, [...options, '--locale=C.UTF-8'], { cwd: directory, ...user });
    },
    ...(user === undefined ? {} : { user }),
  });
  const kill = async () => {
    signalBackends(server.directory, 'SIGKILL');
    await server.kill();
  };
  return {
    ...server,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    signal(name) {
      server.signal(name);
      signalBackends(server.directory, name);
    },
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await server[Symbol.asyncDispose]();
    },
  };
}

function signalBackends(directory: string, name: NodeJS.Signals): void {
  const pidFile = join(directory, 'data', 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const server = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  for (const line of table.split('\n')) {
    const [pid = 0, parent] = line.trim().split(/\s+/).map(Number);
    if (parent !== server || pid === 0) continue;
    try {
      process.kill(pid, name);
    } catch {
      // Gone already.
    }
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function serverUser(): { uid: number; gid: number } | null {
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}
