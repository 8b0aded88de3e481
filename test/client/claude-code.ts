// The real, unmodified client in a home of its own: signs in to a gateway by `/login` in a terminal
// (RFC 8628 device flow), answers prompts headless, signs out. A machine without managed settings
// takes the gateway's address from the person's own settings.json; plain http is for loopback only.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLAUDE_CODE_VERSION } from '../support/claude-code.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';
import { type Approve, type SignIn, walkThroughSignIn } from './sign-in-screens.ts';

const SIGN_IN_DEADLINE_MS = 60_000;
const PROMPT_DEADLINE_MS = 60_000;
const LEAVE_DEADLINE_MS = 20_000;
/** What a shell makes of it. */
const SIGINT_EXIT_CODE = 130;

export interface ClaudeCodeOptions {
  readonly binary: string;
  /** http://127.0.0.1:PORT, or https. */
  readonly gatewayUrl: string;
  /** Has it from the start, as `signIn` would leave it; for a gateway on loopback. */
  readonly session?: StoredSession;
  /** Laid over the environment, which holds nothing of the developer's. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface PromptOptions {
  readonly deadlineMs?: number;
  readonly args?: readonly string[];
  /** Once it resolves, the client gets what Ctrl-C sends. */
  readonly interrupt?: Promise<unknown>;
}

/** What `claude -p --output-format json` printed. `text` is the answer, or the error it showed. */
export interface Answer {
  readonly ok: boolean;
  readonly text: string;
  readonly exitCode: number;
  /** Of the upstream's or the gateway's refusal: 429 and `billing_error`, for instance. */
  readonly errorStatus: number | undefined;
  readonly errorType: string | undefined;
  readonly sessionId: string | undefined;
  /** Models used, as the client counted them. */
  readonly models: readonly string[];
  readonly stderr: string;
}

export interface ClaudeCode extends AsyncDisposable {
  signIn(options: { approve: Approve; deadlineMs?: number }): Promise<SignIn>;
  prompt(text: string, options?: PromptOptions): Promise<Answer>;
  /** `claude auth logout`: revokes both tokens where the gateway advertises how. */
  signOut(): Promise<void>;
  /** The interactive client, signed in or not, for a test that reads its screens. */
  interactive(): Promise<Terminal>;
  /** The session it keeps, or undefined when it is signed out. */
  session(): Promise<StoredSession | undefined>;
  close(): Promise<void>;
}

export interface StoredSession {
  readonly url: string;
  readonly jwt: string;
  readonly expiresAt: number;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string;
  readonly idpRefreshToken?: string;
  readonly email?: string;
}

export async function openClaudeCode(options: ClaudeCodeOptions): Promise<ClaudeCode> {
  const { binary, gatewayUrl } = options;
  const root = await mkdtemp(join(tmpdir(), 'tallygate-claude-'));
  const env = { ...(await furnish(root, gatewayUrl)), ...options.env };
  const cwd = join(root, 'project');
  const credentials = join(root, 'config', '.credentials.json');
  if (options.session !== undefined) {
    const trust = { [new URL(gatewayUrl).hostname]: 'http-loopback' };
    const stored = JSON.stringify({ gatewayTrust: trust, enterpriseGateway: options.session });
    await writeFile(credentials, stored, { mode: 0o600 });
  }
  const run = (args: readonly string[], deadlineMs: number, interrupt?: Promise<unknown>) =>
    runToEnd({ binary, args, cwd, env, deadlineMs, interrupt });

  const interactive = () => openTerminal({ command: [binary], env, cwd });
  const signIn: ClaudeCode['signIn'] = async ({ approve, deadlineMs = SIGN_IN_DEADLINE_MS }) => {
    await using terminal = await interactive();
    const outcome = await walkThroughSignIn(terminal, approve, deadlineMs);
    await leave(terminal);
    return outcome;
  };
  const prompt: ClaudeCode['prompt'] = async (text, options = {}) => {
    const { deadlineMs = PROMPT_DEADLINE_MS, args = [], interrupt } = options;
    const fixed = ['-p', text, '--output-format', 'json'];
    return readAnswer(await run([...fixed, ...args], deadlineMs, interrupt));
  };
  const signOut = async () => {
    const { exitCode, stdout, stderr } = await run(['auth', 'logout'], LEAVE_DEADLINE_MS);
    if (exitCode !== 0)
      throw new Error(`claude auth logout ended with ${exitCode}: ${stdout}${stderr}`);
  };
  const session = async () => {
    const stored = await readFile(credentials, 'utf8').catch(() => '{}');
    return (JSON.parse(stored) as { enterpriseGateway?: StoredSession }).enterpriseGateway;
  };
  const close = () => rm(root, { recursive: true, force: true, maxRetries: 5 });
  return { signIn, prompt, signOut, interactive, session, close, [Symbol.asyncDispose]: close };
}

/** A home with the first-run questions answered; what the sign-in itself asks stays unanswered. */
async function furnish(root: string, gatewayUrl: string): Promise<Record<string, string>> {
  const [home, config, project, temporary] = ['home', 'config', 'project', 'tmp'].map((name) =>
    join(root, name),
  ) as [string, string, string, string];
  await Promise.all([home, config, project, temporary].map((path) => mkdir(path)));
  const settings = { forceLoginMethod: 'gateway', forceLoginGatewayUrl: gatewayUrl };
  const state = {
    hasCompletedOnboarding: true,
    lastOnboardingVersion: CLAUDE_CODE_VERSION,
    theme: 'dark',
    projects: { [project]: { hasTrustDialogAccepted: true, allowedTools: [] } },
  };
  await writeFile(join(config, 'settings.json'), JSON.stringify(settings));
  await writeFile(join(config, '.claude.json'), JSON.stringify(state));
  return {
    PATH: '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    HOME: home,
    CLAUDE_CONFIG_DIR: config,
    TMPDIR: temporary,
    CLAUDE_CODE_TMPDIR: temporary,
    BROWSER: '/bin/true',
    DISABLE_AUTOUPDATER: '1',
  };
}

async function leave(terminal: Terminal): Promise<void> {
  await terminal.type('/exit');
  await terminal.waitForScreen(/❯ \/exit/, LEAVE_DEADLINE_MS);
  await terminal.press('Enter');
  await terminal.waitForEnd(LEAVE_DEADLINE_MS);
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runToEnd(what: {
  binary: string;
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  deadlineMs: number;
  interrupt: Promise<unknown> | undefined;
}): Promise<Ended> {
  const { binary, args, cwd, env, deadlineMs, interrupt } = what;
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const options = { cwd, env, timeout: deadlineMs, killSignal: 'SIGKILL' } as const;
  const child = execFile(binary, args, options, (error, stdout, stderr) => {
    const exitCode = child.signalCode === 'SIGINT' ? SIGINT_EXIT_CODE : child.exitCode;
    if (exitCode !== null) return resolve({ exitCode, stdout, stderr });
    const why = child.killed ? `did not end within ${deadlineMs} ms` : String(error);
    return reject(new Error(`claude ${args.join(' ')} ${why}; it printed:\n${stdout}\n${stderr}`));
  });
  child.stdin?.end();
  interrupt?.then(() => child.kill('SIGINT'), reject);
  return promise;
}

interface Printed {
  readonly is_error?: boolean;
  readonly result?: string;
  readonly api_error_status?: number | null;
  readonly api_error_type?: string | null;
  readonly session_id?: string;
  readonly modelUsage?: Readonly<Record<string, unknown>>;
}

/** A refusal before the first request (signed out, session revoked) is a bare line, not JSON. */
function readAnswer({ exitCode, stdout, stderr }: Ended): Answer {
  const line = stdout.trim();
  const printed: Printed = line.startsWith('{') ? JSON.parse(line) : {};
  return {
    ok: exitCode === 0 && printed.is_error === false,
    text: printed.result ?? (line || stderr.trim()),
    exitCode,
    errorStatus: printed.api_error_status ?? undefined,
    errorType: printed.api_error_type ?? undefined,
    sessionId: printed.session_id,
    models: Object.keys(printed.modelUsage ?? {}),
    stderr,
  };
}
