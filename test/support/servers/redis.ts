import { freePort } from '../free-port.ts';
import { type FoundProgram, findProgram } from './program.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface RedisServer extends ServerProcess {
  readonly url: string;
}

export function findRedis(): FoundProgram {
  return findProgram('redis-server', [], 'Debian: apt-get install redis-server');
}

/**
 * Keeps nothing on disk: killed and started again it has lost everything.
 * @param own settings as on its command line, for what cannot be set while it runs
 */
export async function startRedis(
  program: string,
  own: readonly string[] = [],
): Promise<RedisServer> {
  const port = await freePort();
  const settings = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--maxmemory-policy',
    'noeviction',
  ];
  const server = await startServer({
    name: 'redis',
    command: program,
    args: (directory) => [
      ...[...settings, '--save', '', '--appendonly', 'no', '--dir', directory],
      ...own,
    ],
    ready: /Ready to accept connections/,
  });
  return { ...server, url: `redis://127.0.0.1:${port}` };
}
