// The demo as a newcomer starts it, `npm start` in the repository's folder, on a free port and with a
// data_dir that is the test's own.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { type CommandProcess, startCommand } from './gateway.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const HINTS = /^Tallygate is up at [\s\S]*npm start -- --config gateway\.yaml$/m;

export interface StartedDemo extends AsyncDisposable {
  readonly process: CommandProcess;
  readonly url: string;
  /** Of `readLedger`. */
  readonly folder: string;
  /** What it prints to be tried. */
  readonly hints: string;
}

export async function startDemo(): Promise<StartedDemo> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'tallygate-demo-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const env = { PORT: String(await freePort()), TALLYGATE_DEMO_DATA_DIR: join(folder, 'data') };
  const process = opened.use(await startCommand(['npm', 'start'], { cwd: ROOT, env }));
  await process.printed(HINTS);
  const [hints = ''] = HINTS.exec(process.output()) ?? [];
  const kept = opened.move();
  const { url } = process;
  return { process, url, folder, hints, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
