// Every request that holds a reservation, and one timer for all of them: it keeps the reservations
// alive and tells the quota store what each request is known to cost, so that a killed process's
// requests are billed by their last estimate.

import type { Clock } from '#shared/domain/clock.ts';
import type { MicroUsd } from '#shared/domain/money.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface LiveRequest {
  readonly id: string;
  /** Where the list has it; the list's own affair. */
  place: number;
  /** What it would be billed if everything ended now. */
  progress(): { readonly amountMicroUsd: MicroUsd; readonly draft: string };
  /** Ends it now, with an error that the client may retry. */
  cut(): void;
}

export interface LiveRequests extends AsyncDisposable {
  add(request: LiveRequest): void;
  remove(request: LiveRequest): void;
  readonly size: number;
  /** Extends every reservation once; the timer calls it. */
  extendAll(): Promise<void>;
  /** Waits so long for open requests, then cuts them. Resolves when none is open. */
  drain(waitMs: number): Promise<void>;
}

/** Of a reservation's life, so that three signs of life may go astray. */
const EXTEND_EVERY_PART = 4;
/** Extensions in flight at once: a thousand streams must not burst upon the store. */
const BATCH = 64;

export interface LiveRequestsDeps {
  readonly quota: Pick<QuotaStore, 'extend'>;
  /** Asked at every turn, so that a reload holds from the next one. */
  readonly settings: () => { readonly reservationTtlMs: number };
  readonly clock: Clock;
  readonly log: Log;
}

export function openLiveRequests(deps: LiveRequestsDeps): LiveRequests {
  const { quota, settings, clock, log } = deps;
  // Not a Map: the tables that one leaves behind as entries come and go lead to each other, and what they
  // still hold, whole requests, outlives two collections of young garbage and ends among the old.
  const open: LiveRequest[] = [];
  let emptied: (() => void) | null = null;

  async function extendOne(request: LiveRequest): Promise<void> {
    try {
      const reserveUntilMs = clock.now() + settings().reservationTtlMs;
      const answer = await quota.extend({ id: request.id, reserveUntilMs, ...request.progress() });
      if (answer === 'gone' && open[request.place] === request) {
        log.debug('a reservation was gone before its request ended', { event_id: request.id });
      }
    } catch (err) {
      log.warn('a reservation could not be extended', {
        event_id: request.id,
        err: AppError.from(err),
      });
    }
  }

  async function extendAll(): Promise<void> {
    const all = [...open];
    for (let at = 0; at < all.length; at += BATCH) {
      await Promise.all(all.slice(at, at + BATCH).map(extendOne));
    }
  }

  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const schedule = (): void => {
    if (isClosed) return;
    const waitMs = settings().reservationTtlMs / EXTEND_EVERY_PART;
    timer = setTimeout(() => void extendAll().finally(schedule), waitMs).unref();
  };
  schedule();
  return {
    add(request) {
      request.place = open.push(request) - 1;
    },
    remove(request) {
      const last = open.pop();
      if (last !== undefined && last !== request) {
        open[request.place] = last;
        last.place = request.place;
      }
      if (open.length === 0) emptied?.();
    },
    get size() {
      return open.length;
    },
    extendAll,
    async drain(waitMs) {
      if (open.length === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      emptied = resolve;
      const late = setTimeout(() => {
        for (const request of [...open]) request.cut();
      }, waitMs);
      await promise;
      clearTimeout(late);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
