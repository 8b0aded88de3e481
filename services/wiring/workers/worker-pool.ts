// So many workers, kept up: one that ends is started again, after a pause that grows while it goes on
// ending. In a restart each one's successor accepts connections before it is told to drain, one after
// the other, so that nobody is refused and there is never more than one process too many.

import type { Log } from '#shared/telemetry/log.ts';

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when it accepts connections; never, when it ends before. */
  readonly up: Promise<void>;
  readonly ended: Promise<WorkerEnd>;
  signal(name: NodeJS.Signals): void;
}

export interface WorkerPoolOptions {
  readonly count: number;
  /** Starts the worker of that number, from 1. */
  readonly launch: (nth: number) => WorkerProcess;
  /** From SIGTERM to SIGKILL, in milliseconds. */
  readonly endWithinMs: number;
  /** Before a worker that ended is started again; doubles up to half a minute. Default 100 ms. */
  readonly firstPauseMs?: number;
  readonly log: Log;
}

export interface WorkerPool {
  /** Resolves when all accept connections. False: the first ended instead, and there is none. */
  start(): Promise<boolean>;
  /** All of them read the configuration again. */
  reload(): void;
  /** Resolves when every worker is a new one, or when a new one could not start. */
  restartEach(): Promise<void>;
  /** All of them drain at the same time. Resolves when none is left. */
  stop(): Promise<void>;
}

interface Slot {
  readonly nth: number;
  /** Null: it ended, and the next one is not up yet. */
  serving: WorkerProcess | null;
  isReplacing: boolean;
  /** Deaths in a row, each soon after the start. */
  deaths: number;
  startedAtMs: number;
  timer?: NodeJS.Timeout;
}

const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** Who lived so long did not die of its start. */
const STEADY_MS = 60_000;
/** Stores may be slow to answer; a successor that takes longer is given up. */
const UP_WITHIN_MS = 60_000;

export function openWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { count, launch, endWithinMs, firstPauseMs = PAUSE_MS, log } = options;
  const slots = Array.from(
    { length: count },
    (_, at): Slot => ({
      ...{ nth: at + 1, serving: null, isReplacing: false },
      ...{ deaths: 0, startedAtMs: 0 },
    }),
  );
  /** Whatever runs: those that serve, those that start and those that drain. */
  const alive = new Set<WorkerProcess>();
  let isStopping = false;
  let restarting: Promise<void> = Promise.resolve();

  function begin(slot: Slot): WorkerProcess {
    clearTimeout(slot.timer);
    slot.startedAtMs = performance.now();
    const worker = launch(slot.nth);
    log.info('a worker is started', { worker: slot.nth, process: worker.pid });
    alive.add(worker);
    void worker.ended.then((end) => {
      alive.delete(worker);
      if (slot.serving === worker) died(slot, end);
    });
    return worker;
  }

  function died(slot: Slot, { code, signal }: WorkerEnd): void {
    slot.serving = null;
    if (isStopping) return;
    const wasSteady = performance.now() - slot.startedAtMs >= STEADY_MS;
    slot.deaths = wasSteady ? 1 : slot.deaths + 1;
    const pauseMs = Math.min(firstPauseMs * 2 ** (slot.deaths - 1), LONGEST_PAUSE_MS);
    const fields = { worker: slot.nth, code, signal, pause_ms: pauseMs };
    log.error('a worker ended by itself and is started again', fields);
    if (!slot.isReplacing) refillLater(slot, pauseMs);
  }

  function refillLater(slot: Slot, pauseMs: number): void {
    slot.timer = setTimeout(() => {
      slot.serving = begin(slot);
    }, pauseMs);
  }

  /** False: it could not, and what was there is still there. */
  async function replace(slot: Slot): Promise<boolean> {
    slot.isReplacing = true;
    try {
      const next = begin(slot);
      if (!(await isUp(next))) {
        next.signal('SIGKILL');
        log.error('a new worker could not start: the others go on', { worker: slot.nth });
        if (slot.serving === null && !isStopping) refillLater(slot, firstPauseMs);
        return false;
      }
      const before = slot.serving;
      slot.serving = next;
      before?.signal('SIGTERM');
      const killing = before === null ? undefined : killLater(before);
      await before?.ended;
      clearTimeout(killing);
      return true;
    } finally {
      slot.isReplacing = false;
    }
  }

  async function replaceAll(): Promise<void> {
    log.info('the workers are restarted, one by one', { workers: count });
    for (const slot of slots) {
      if (isStopping || !(await replace(slot))) return;
    }
    log.info('every worker is a new one', { workers: count });
  }

  function killLater(worker: WorkerProcess): NodeJS.Timeout {
    return setTimeout(() => worker.signal('SIGKILL'), endWithinMs);
  }

  return {
    async start() {
      const [first, ...others] = slots;
      if (first === undefined) return true;
      // A fault that all would have is told once.
      first.isReplacing = true;
      const worker = begin(first);
      if (!(await isUp(worker, null))) return false;
      first.serving = worker;
      first.isReplacing = false;
      if (isStopping) return true;
      for (const slot of others) slot.serving = begin(slot);
      await Promise.all(others.map(({ serving }) => serving?.up));
      log.info('all workers serve', { workers: count });
      return true;
    },
    reload() {
      for (const { serving } of slots) serving?.signal('SIGHUP');
    },
    restartEach() {
      restarting = restarting.then(replaceAll);
      return restarting;
    },
    async stop() {
      isStopping = true;
      for (const { timer } of slots) clearTimeout(timer);
      await Promise.all(
        [...alive].map(async (worker) => {
          worker.signal('SIGTERM');
          const killing = killLater(worker);
          await worker.ended;
          clearTimeout(killing);
        }),
      );
    },
  };
}

async function isUp(worker: WorkerProcess, withinMs: number | null = UP_WITHIN_MS) {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = withinMs === null ? undefined : setTimeout(() => resolve(false), withinMs);
  const up = await Promise.race([worker.up.then(() => true), worker.ended.then(() => false), late]);
  clearTimeout(timer);
  return up;
}
