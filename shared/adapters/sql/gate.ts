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
  let inside = 0;
  let empty: PromiseWithResolvers<void> | null = null;
  const assertOpen = () => {
    if (empty === null) return;
    throw new AppError('unavailable', `${what} is closed; send the request again in a moment`);
  };
  return {
    assertOpen,
    async enter(work) {
      assertOpen();
      inside += 1;
      try {
        return await work();
      } finally {
        inside -= 1;
        // In a later turn: who has left hears what became of his work before it counts as empty.
        if (inside === 0 && empty !== null) setImmediate(empty.resolve);
      }
    },
    close() {
      if (empty === null) {
        empty = Promise.withResolvers<void>();
        if (inside === 0) empty.resolve();
      }
      return empty.promise;
    },
  };
}
