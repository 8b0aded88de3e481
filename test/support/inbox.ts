import assert from 'node:assert/strict';

/** Where a test waits for things to arrive. */
export interface Inbox<T> {
  readonly items: readonly T[];
  put(item: T): void;
  /** Resolves when at least that many have arrived; rejects when they do not. */
  has(count: number): Promise<void>;
}

const DEADLINE_MS = 20_000;

export function createInbox<T>(): Inbox<T> {
  const items: T[] = [];
  const waiting = new Set<() => void>();
  return {
    items,
    put(item) {
      items.push(item);
      for (const check of waiting) check();
    },
    async has(count) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const check = () => items.length >= count && resolve();
      // It also keeps the process alive, where all else is an unreferenced poll.
      const deadline = setTimeout(
        () => reject(new Error(`${items.length} of ${count} arrived`)),
        DEADLINE_MS,
      );
      waiting.add(check);
      check();
      await promise.finally(() => clearTimeout(deadline));
      waiting.delete(check);
    },
  };
}

/** Asks once per turn of the event loop until the answer is not null. */
export async function eventually<T>(ask: () => Promise<T | null>): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    assert(performance.now() - startMs < DEADLINE_MS, 'it never came about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
