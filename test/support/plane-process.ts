// One plane of the gateway as a process that a test starts, kills, freezes and starts again, always at
// the same address and over the same data_dir.

import { type GatewayProcess, startProcess } from './gateway.ts';

export interface PlaneOptions {
  readonly name: string;
  readonly plane: 'data' | 'control' | 'all';
  readonly configPath: string;
  readonly port: number;
  /** What the configuration's `${…}` stand for, and the emulators' addresses. */
  readonly env: Readonly<Record<string, string>>;
}

export interface PlaneProcess extends AsyncDisposable {
  readonly name: string;
  readonly plane: PlaneOptions['plane'];
  readonly url: string;
  readonly isUp: boolean;
  start(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM, and the drain that follows. */
  stop(): Promise<void>;
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): void;
  /** What it printed since its last start. */
  output(): string;
}

export function planeProcess(options: PlaneOptions): PlaneProcess {
  const { name, plane, configPath, port, env } = options;
  let running: GatewayProcess | null = null;
  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = running;
    running = null;
    // A frozen process takes no signal but this one.
    ending?.signal('SIGCONT');
    await ending?.end(signal);
  }
  return {
    name,
    plane,
    url: `http://127.0.0.1:${port}`,
    get isUp() {
      return running !== null;
    },
    async start() {
      running ??= await startProcess(['--config', configPath, '--plane', plane], {
        ...env,
        PORT: String(port),
      });
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    signal: (signal) => running?.signal(signal),
    output: () => running?.output() ?? '',
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}
