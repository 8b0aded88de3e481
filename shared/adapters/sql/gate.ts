import { AppError } from '#shared/errors/app-error.ts';

export interface Gate {
  /** Runs the work, or rejects with `unavailable` once the gate is closed. */
  enter<T>(work: () => Promise<T>): Promise<T>;
  /** @throws AppError `unavailable` once the gate is closed. */
  assertOpen(): void;
  /** Lets nobody in any more; resolves when everybody inside has left. */
  close(): Promise<void>;
}

/** `what` begins the sentence that a late caller reads: "the ledger". */
export function createGate(what: string): Gate {
  const inside = new Set<Promise<unknown>>();
  let closed = false;
  const assertOpen = () => {
    if (!closed) return;
    throw new AppError('unavailable', `${what} is closed; send the request again in a moment`);
  };
  return {
    assertOpen,
    async enter(work) {
      assertOpen();
      const running = work();
      inside.add(running);
      try {
        return await running;
      } finally {
        inside.delete(running);
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled(inside);
    },
  };
}
