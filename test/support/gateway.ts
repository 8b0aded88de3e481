// The real program (services/main.ts) as a process of its own, on a free port and a data_dir that the
// test owns: for journeys about death, reload and what a person sees.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#shared/domain/clock.ts';
import { createSessionMinter, SESSION_AUDIENCE } from '#shared/identity/session-token.ts';
import { sessionKeysFromSecrets } from '#shared/identity/signing-keys.ts';

const MAIN = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
const UP_WITHIN_MS = 30_000;

export const JWT_SECRET = 'test-only-secret-of-many-different-letters';
export const ADMIN_KEY = 'test-only-admin-key-of-many-letters-too';

export interface GatewayHome extends AsyncDisposable {
  readonly folder: string;
  readonly configPath: string;
  writeConfig(yaml: string): Promise<void>;
}

/** A folder with a gateway.yaml in it; several processes may live there one after the other. */
export async function createGatewayHome(yaml: string): Promise<GatewayHome> {
  const folder = await mkdtemp(join(tmpdir(), 'tallygate-'));
  const configPath = join(folder, 'gateway.yaml');
  // As editors do it: nobody sees half a file.
  const writeConfig = async (text: string) => {
    await writeFile(`${configPath}.new`, text);
    await rename(`${configPath}.new`, configPath);
  };
  await writeConfig(yaml);
  return {
    folder,
    configPath,
    writeConfig,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface GatewayProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Everything it wrote so far. */
  output(): string;
  /** Resolves when the output has it. */
  printed(pattern: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Ends it and waits until it is gone; the exit code, or null when a signal ended it. */
  end(name: NodeJS.Signals): Promise<number | null>;
}

/** Runs the program; resolves when it listens, rejects with its output when it ends before. */
export function startProcess(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = tmpdir(),
): Promise<GatewayProcess> {
  return start([process.execPath, MAIN, ...args], { cwd, env });
}

/**
 * The same through a command that runs the program, such as `npm start`. It leads a process group, as
 * a command at a terminal does: `signalGroup` is what Ctrl-C and a closed terminal do.
 */
export function startCommand(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: Record<string, string> },
): Promise<CommandProcess> {
  return start(command, { ...options, detached: true });
}

async function start(
  [program = '', ...args]: readonly string[],
  { cwd, env, detached = false }: { cwd: string; env: Record<string, string>; detached?: boolean },
) {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, TALLYGATE_ALLOW_LOOPBACK: '1', TALLYGATE_LOG_FORMAT: 'text', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
  });
  const transcript = collect(child);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const end = async (name: NodeJS.Signals) => {
    child.kill(name);
    return closed;
  };
  const signalGroup = (name: NodeJS.Signals) => signalGroupOf(child, name);
  const kill = async () => {
    if (detached) signalGroup('SIGKILL');
    await end('SIGKILL');
  };
  try {
    await transcript.printed(/ listening .*port=\d+/);
  } catch (caught) {
    await kill();
    throw caught;
  }
  const port = / listening .*port=(\d+)/.exec(transcript.text())?.[1];
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    output: transcript.text,
    printed: transcript.printed,
    signal: (name: NodeJS.Signals) => void child.kill(name),
    signalGroup,
    ended,
    closed,
    end,
    [Symbol.asyncDispose]: kill,
  };
}

function signalGroupOf({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'ESRCH') throw caught;
  }
}

export interface CommandProcess extends GatewayProcess {
  signalGroup(name: NodeJS.Signals): void;
  /** Nothing of the group holds its output any more. */
  readonly closed: Promise<unknown>;
}

export function startGateway(
  { configPath, folder }: GatewayHome,
  env: Record<string, string> = {},
): Promise<GatewayProcess> {
  return startProcess(['--config', configPath], env, folder);
}

function collect(child: ChildProcess) {
  let text = '';
  const waiting = new Set<() => void>();
  const hear = (chunk: Buffer) => {
    text += chunk.toString('utf8');
    for (const check of waiting) check();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const printed = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const done = (settle: () => void) => {
        clearTimeout(timer);
        waiting.delete(check);
        settle();
      };
      const fail = (why: string) => reject(new Error(`${why}; waited for ${pattern}:\n${text}`));
      const check = () => {
        if (pattern.test(text)) done(resolve);
      };
      const timer = setTimeout(() => done(() => fail('too late')), UP_WITHIN_MS);
      child.once('close', () => done(() => fail('the process ended')));
      waiting.add(check);
      check();
    });
  return { text: () => text, printed };
}

/** A gateway.yaml of one Anthropic-format upstream; `more` is appended as it is. */
export function gatewayYaml(options: {
  readonly upstreamUrl: string;
  readonly issuer?: string;
  readonly more?: string;
}): string {
  return `
listen: { host: 127.0.0.1, port: 0 }
oidc:
  issuer: ${options.issuer ?? 'http://127.0.0.1:9'}
  client_id: tallygate
  client_secret: test-only-client-secret
session: { jwt_secret: ${JWT_SECRET} }
data_dir: ./data
upstreams:
  - name: model
    provider: anthropic
    base_url: ${options.upstreamUrl}
    auth: { api_key: test-only-upstream-key }
admin:
  write_keys: [{ id: tests, key: ${ADMIN_KEY} }]
${options.more ?? ''}`;
}

/** A session as the gateway mints it, without signing in. */
export function mintSession(
  gatewayUrl: string,
  sub: string,
  groups: readonly string[] = [],
): Promise<string> {
  const { signing } = sessionKeysFromSecrets([JWT_SECRET]);
  const minter = createSessionMinter({
    key: signing,
    audience: SESSION_AUDIENCE,
    clock: systemClock,
  });
  const person = { sub, email: `${sub}@example.com`, name: sub, groups };
  const claims = { ...person, sessionId: `session-${sub}`, billingGroupTag: null };
  return minter.mint(claims, gatewayUrl, 3600);
}

export function adminCall(gatewayUrl: string, path: string, body?: object): Promise<Response> {
  return fetch(`${gatewayUrl}/v1/organizations/spend_limits${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'x-api-key': ADMIN_KEY },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
