// The end of every request: what is owed becomes a usage event, the reservation becomes pending, the
// bus gets a copy. Nothing here can reach the client, and nothing is lost while the process lives:
// what fails is tried again until one of the two has it. Holds texts and amounts, never a request.

import type { AccountId } from '#shared/domain/account.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { encodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface EmitterDeps {
  readonly quota: Pick<QuotaStore, 'settle' | 'release'>;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Waits before a retry; real time unless a test says otherwise. */
  readonly pause?: (ms: number) => Promise<void>;
}

export interface Emitter {
  /** Settles and publishes in the background. */
  emit(event: UsageEvent, accounts: readonly AccountId[]): void;
  /** Drops a reservation in the background: nothing was owed. */
  release(id: string): void;
  /** Background work of others that ends in one of the two, so that `flush` waits for it. */
  track(work: Promise<void>): void;
  /** Resolves when everything handed over so far is settled or released. */
  flush(): Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

export function createEmitter(deps: EmitterDeps): Emitter {
  const { log } = deps;
  const work = new Set<Promise<void>>();

  function track(started: Promise<void>): void {
    const guarded = started
      .catch((err: unknown) =>
        log.error('usage could not be recorded', { err: AppError.from(err) }),
      )
      .finally(() => work.delete(guarded));
    work.add(guarded);
  }

  return {
    emit: (event, accounts) => track(deliver(deps, event, accounts)),
    release: (id) => track(persist(deps, 'release', id, () => deps.quota.release(id))),
    track,
    async flush() {
      while (work.size > 0) await Promise.all(work);
    },
  };
}

async function deliver(
  deps: EmitterDeps,
  event: UsageEvent,
  accounts: readonly AccountId[],
): Promise<void> {
  const { id, timeMs, costMicroUsd } = event;
  const line = encodeUsageEvent(event);
  const settle = () =>
    deps.quota.settle({
      id,
      nowMs: deps.clock.now(),
      chargedAtMs: timeMs,
      accounts,
      amountMicroUsd: costMicroUsd,
      event: line,
    });
  const publish = () =>
    deps.bus.publish('usage.v1', { id, data: Buffer.from(line), attributes: {} });
  const answer = await settle().catch((err: unknown) => AppError.from(err));
  // An orphan sweep, or an earlier try whose answer was lost: the outbox has the event.
  if (answer === 'duplicate') return;
  if (answer === 'settled') {
    await publish().catch((err: unknown) => {
      // The outbox has it and the relay job publishes it again.
      log(deps, 'publish', id, AppError.from(err));
    });
    return;
  }
  log(deps, 'settle', id, answer);
  await Promise.all([
    persist(deps, 'publish', id, publish),
    persist(deps, 'settle', id, async () => {
      await settle();
    }),
  ]);
}

async function persist(
  deps: EmitterDeps,
  what: string,
  id: string,
  attempt: () => Promise<void>,
): Promise<void> {
  const pause = deps.pause ?? pauseMs;
  for (let waitMs = FIRST_PAUSE_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_PAUSE_MS)) {
    try {
      await attempt();
      return;
    } catch (caught) {
      log(deps, what, id, AppError.from(caught));
      await pause(waitMs);
    }
  }
}

function log(deps: EmitterDeps, what: string, id: string, err: AppError): void {
  deps.log.warn('usage waits: its store or its bus did not take it', { what, event_id: id, err });
}

function pauseMs(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
