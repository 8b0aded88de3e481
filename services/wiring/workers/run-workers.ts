// The primary of several workers: it holds the listening socket, hands connections out in turn and
// keeps the workers up. It answers no request itself. A worker is this same program, told its number.

import cluster, { type Worker } from 'node:cluster';
import type { Log } from '#shared/telemetry/log.ts';
import { stopSignal } from '../stop-signal.ts';
import { renderPlace, WORKER_PLACE } from './worker-place.ts';
import { openWorkerPool, type WorkerEnd, type WorkerProcess } from './worker-pool.ts';

export interface WorkersOptions {
  readonly count: number;
  /** What a worker is given to drain, in milliseconds. */
  readonly drainMs: number;
  readonly log: Log;
}

/** After the drain a worker still closes its stores. */
const CLOSE_MS = 15_000;

/** The exit code, once all workers have ended: 1 when none could start. */
export async function runWorkers({ count, drainMs, log }: WorkersOptions): Promise<number> {
  const stopped = stopSignal(['SIGTERM', 'SIGINT']);
  // Whoever is free gets the next connection, and what a draining worker was just given comes back.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const pool = openWorkerPool({
    count,
    launch: (nth) => fork(renderPlace({ nth, of: count }), log),
    endWithinMs: drainMs + CLOSE_MS,
    log,
  });
  process.on('SIGHUP', pool.reload);
  process.on('SIGUSR2', pool.restartEach);
  if ((await Promise.race([pool.start(), stopped])) === false) return 1;
  const signal = await stopped;
  log.info('stopping', { signal, workers: count });
  await pool.stop();
  return 0;
}

function fork(place: string, log: Log): WorkerProcess {
  const worker: Worker = cluster.fork({ [WORKER_PLACE]: place });
  const { pid } = worker.process;
  const up = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<WorkerEnd>();
  worker.once('listening', () => up.resolve());
  worker.once('exit', (code, signal) => ended.resolve({ code, signal }));
  worker.on('error', (err) => {
    log.error('a worker cannot be reached', { err });
    // It was never there.
    if (pid === undefined) ended.resolve({ code: null, signal: null });
  });
  return {
    pid: pid ?? 0,
    up: up.promise,
    ended: ended.promise,
    signal: (name) => void worker.process.kill(name),
  };
}
