// The composition root: arguments and environment → a running gateway → a clean end.

import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadConfig } from '#shared/config/load.ts';
import { renderFaults, renderWarnings } from '#shared/config/render-faults.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log, LogFields } from '#shared/telemetry/log.ts';
import { createLog, LOG_LEVELS } from '#shared/telemetry/pino-log.ts';
import { PLANES, type Plane } from './wiring/plane.ts';
import { planeFaults } from './wiring/plane-faults.ts';
import { VERSION } from './wiring/version.ts';
import { countWorkers } from './wiring/workers/worker-count.ts';
import { readPlace, WORKER_PLACE } from './wiring/workers/worker-place.ts';

const USAGE = `Tallygate ${VERSION}

  npm start                             the demo: sign-in, model and gateway on this machine
  npm start -- --config gateway.yaml    the gateway that the file describes
    [--plane data | control | all]      one half of it; default: all
    [--workers N]                       so many processes of the data plane; default: the file's
  npm start -- config check FILE        tells every fault of a file, starts nothing
  npm start --silent -- store ddl       the tables of PostgreSQL, for a role that may make them
  npm start --silent -- rerate          what a past period costs by the prices of today
    --from 2026-11-01 --to 2026-11-30   its first and its last day, UTC; or times, the second exclusive
    [--config gateway.yaml] [--model ID]...
    [--post [--reason TEXT]]            writes the difference as corrections; default: shows it
  npm start --silent -- caps apply FILE --url URL [--dry-run] [--prune] [--reason TEXT]
                                        makes the caps of a gateway those of the file

Environment: PORT, TALLYGATE_LOG_LEVEL (${LOG_LEVELS.join(', ')}), TALLYGATE_LOG_FORMAT (text, json),
TALLYGATE_DRAIN_TIMEOUT_MS, TALLYGATE_ALLOW_LOOPBACK; for caps apply TALLYGATE_ADMIN_KEY, a write key.
`;
const DRAIN_MS = 25_000;
const DEMO_DATA_DIR = '.tallygate/demo';

const { env } = process;

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'rerate') return rerate(args.slice(1));
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      plane: { type: 'string', default: 'all' },
      workers: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      url: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      prune: { type: 'boolean', default: false },
      reason: { type: 'string' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command, verb, file] = positionals;
  if (command === 'config' && verb === 'check' && file !== undefined) return checkConfig(file);
  if (command === 'store' && verb === 'ddl') return printDdl();
  const { url } = values;
  if (command === 'caps' && verb === 'apply' && file !== undefined && url !== undefined) {
    const { applyCapsFile } = await import('./cli/caps.ts');
    const { prune, reason = null, 'dry-run': dryRun } = values;
    return applyCapsFile({ file, url, key: env['TALLYGATE_ADMIN_KEY'], dryRun, prune, reason });
  }
  if (command !== undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const plane = PLANES.find((known) => known === values.plane);
  const isDemo = values.config === undefined;
  if (plane === undefined || (isDemo && (plane !== 'all' || values.workers !== undefined))) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (values.config === undefined) return runDemo(openLog());
  return runFile(values.config, plane, values.workers);
}

function checkConfig(file: string): number {
  const loaded = loadConfig({ path: file }, { env });
  if (!loaded.ok) {
    process.stderr.write(renderFaults(loaded.faults, file));
    return 1;
  }
  process.stdout.write(`${renderWarnings(loaded.warnings, file)}${file} is good.\n`);
  return 0;
}

async function rerate(args: readonly string[]): Promise<number> {
  const { rerateCommand } = await import('./wiring/run-rerate.ts');
  const log = openLog();
  const print = (text: string) => void process.stdout.write(text);
  const complain = (text: string) => void process.stderr.write(text);
  return await rerateCommand({ args, env, clock: systemClock, log, print, complain });
}

async function printDdl(): Promise<number> {
  const { renderDdl } = await import('#shared/adapters/sql/ddl.ts');
  process.stdout.write(renderDdl('postgres'));
  return 0;
}

async function runFile(path: string, plane: Plane, told: string | undefined): Promise<number> {
  const worker = cluster.isWorker ? readPlace(env[WORKER_PLACE]) : undefined;
  const log = openLog(worker === undefined ? undefined : { worker: worker.nth });
  const source = { path };
  const loaded = loadConfig(source, { env });
  const options = { source, loaded, plane, env, drainMs: drainMs(), clock: systemClock, log };
  if (worker === undefined && loaded.ok) {
    const count = countWorkers({ config: loaded.config, plane, told });
    const faults = typeof count === 'number' ? planeFaults(loaded.config, plane) : [count];
    if (faults.length > 0) {
      process.stderr.write(renderFaults(faults, path));
      return 1;
    }
    if (typeof count === 'number' && count > 1) {
      const { runWorkers } = await import('./wiring/workers/run-workers.ts');
      return runWorkers({ count, drainMs: drainMs(), log });
    }
  }
  const { runGateway } = await import('./wiring/run-gateway.ts');
  return runGateway({ ...options, ...(worker === undefined ? {} : { worker }) }, path);
}

async function runDemo(log: Log): Promise<number> {
  if (existsSync('gateway.yaml')) {
    log.info(
      'there is a gateway.yaml here; this is the demo. To run the file: --config gateway.yaml',
    );
  }
  const { openDemo } = await import('./demo/profile.ts');
  const { seedDemoCaps } = await import('./demo/caps.ts');
  const { demoHints } = await import('./demo/hints.ts');
  const { demoPort } = await import('./demo/port.ts');
  const { runGateway } = await import('./wiring/run-gateway.ts');
  await using demo = await openDemo({
    port: demoPort(env['PORT']),
    dataDir: env['TALLYGATE_DEMO_DATA_DIR'] || DEMO_DATA_DIR,
    log,
  });
  const options = {
    source: { text: demo.text },
    plane: 'all' as const,
    env: { ...env, ...demo.env },
    drainMs: drainMs(),
    clock: systemClock,
    log,
  };
  // Awaited here: the demo is disposed when this function returns.
  return await runGateway(options, 'infra/demo.gateway.yaml', async ({ control }) => {
    if (control === null) return;
    const { admin, quota } = control;
    const caps = await seedDemoCaps(admin, systemClock);
    await quota.publishCaps(await admin.capTable());
    process.stdout.write(demoHints({ ...demo, caps }));
  });
}

function openLog(always?: LogFields): Log {
  const how = { level: logLevel(), format: logFormat(), clock: systemClock };
  return createLog(always === undefined ? how : { ...how, always });
}

function logLevel() {
  const wanted = env['TALLYGATE_LOG_LEVEL'] ?? env['CLAUDE_GATEWAY_LOG_LEVEL'];
  return LOG_LEVELS.find((level) => level === wanted) ?? 'info';
}

/** Cloud Run collects JSON; a person reads text. */
function logFormat(): 'text' | 'json' {
  const wanted = env['TALLYGATE_LOG_FORMAT'];
  if (wanted === 'text' || wanted === 'json') return wanted;
  return env['K_SERVICE'] === undefined ? 'text' : 'json';
}

function drainMs(): number {
  const wanted = Number(
    env['TALLYGATE_DRAIN_TIMEOUT_MS'] ?? env['CLAUDE_GATEWAY_DRAIN_TIMEOUT_MS'] ?? DRAIN_MS,
  );
  return Number.isFinite(wanted) && wanted >= 0 ? wanted : DRAIN_MS;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (caught) {
  const error = AppError.from(caught);
  process.stderr.write(
    `Tallygate could not go on: ${error.code === 'internal' ? (error.detail ?? '') : error.message}\n`,
  );
  process.exitCode = 1;
}
