// The end of every request: what is owed becomes a usage event, the reservation becomes pending, the
// bus gets a copy. Nothing here can reach the client, and nothing is lost: what neither the quota
// store nor the bus takes waits in the spool, and in memory when even the disk refuses it. Holds
// texts and amounts, never a request.

import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { encodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { SpoolEntry, UsageSpool } from '#shared/ports/usage-spool.ts';
import { type HandOverDeps, handOver, note, settle } from './hand-over.ts';

export interface EmitterDeps extends HandOverDeps {
  readonly spool: UsageSpool;
  /** Waits before a retry; real time unless a test says otherwise. */
  readonly pause?: (ms: number) => Promise<void>;
}

export interface Emitter extends Disposable {
  /** Settles and publishes in the background. */
  emit(event: UsageEvent): void;
  /** Drops a reservation in the background: nothing was owed. */
  release(id: string): void;
  /** Background work of others that ends in one of the two, so that `flush` waits for it. */
  track(work: Promise<void>): void;
  /** Resolves when everything handed over so far is settled, released or in the spool. */
  flush(): Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** What only the counters wait for is given up after so many: recompute repairs them. */
const COUNTER_TRIES = 6;
const DRAIN_EVERY_MS = 2_000;

export function createEmitter(deps: EmitterDeps): Emitter {
  const { log, spool } = deps;
  let working = 0;
  const waiting: (() => void)[] = [];

  function ended(): void {
    working -= 1;
    if (working > 0) return;
    for (const resolve of waiting.splice(0)) resolve();
  }

  function track(started: Promise<void>): void {
    working += 1;
    started.then(ended, (err: unknown) => {
      log.error('usage could not be recorded', { err: AppError.from(err) });
      ended();
    });
  }

  const drain = setInterval(() => {
    if (spool.size() > 0) void drainSpool(deps);
  }, DRAIN_EVERY_MS).unref();
  return {
    emit: (event) => track(deliver(deps, event)),
    release: (id) =>
      track(attempt(deps, 'release', id, COUNTER_TRIES, () => deps.quota.release(id))),
    track,
    async flush() {
      while (working > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    [Symbol.dispose]: () => clearInterval(drain),
  };
}

async function deliver(deps: EmitterDeps, event: UsageEvent): Promise<void> {
  const { id, accounts } = event;
  const entry: SpoolEntry = { id, accounts, event: encodeUsageEvent(event) };
  const handed = await handOver(deps, entry, event).catch(() => null);
  if (handed === 'settled') return;
  if (handed === 'published') {
    await attempt(deps, 'settle', entry.id, COUNTER_TRIES, () => settle(deps, entry, event));
    return;
  }
  await attempt(deps, 'spool', entry.id, Number.POSITIVE_INFINITY, () =>
    deps.spool.append(entry).catch(async (caught: unknown) => {
      // The disk refuses: whoever takes it first.
      await handOver(deps, entry).catch(() => {
        throw caught;
      });
    }),
  );
}

/** Tries with growing pauses; after `tries` it is told and left. */
async function attempt(
  deps: EmitterDeps,
  what: string,
  id: string,
  tries: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const pause = deps.pause ?? pauseMs;
  let waitMs = FIRST_PAUSE_MS;
  for (let nth = 1; ; nth += 1) {
    try {
      await work();
      return;
    } catch (caught) {
      note(deps.log, what, id, AppError.from(caught));
      if (nth >= tries) return;
      await pause(waitMs);
      waitMs = Math.min(waitMs * 2, LONGEST_PAUSE_MS);
    }
  }
}

async function drainSpool(deps: EmitterDeps): Promise<void> {
  const { spool, log } = deps;
  try {
    const taken = await spool.drain(async (entry) => {
      await handOver(deps, entry);
    });
    if (taken > 0) log.info('usage in the spool was delivered', { entries: taken });
  } catch (caught) {
    const fields = { entries: spool.size(), err: AppError.from(caught) };
    log.warn('usage still waits in the spool of this machine', fields);
  }
}

function pauseMs(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
