import { setTimeout as pause } from 'node:timers/promises';

/** Asks until the answer is not null: for what happens in another process. Rejects when it is late. */
export async function untilTrue<T>(ask: () => Promise<T | null>, deadlineMs = 20_000): Promise<T> {
  const giveUpAtMs = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > giveUpAtMs)
      throw new Error(`it did not come about in ${deadlineMs} ms`);
    await pause(100);
  }
}
