import type { ServerResponse } from 'node:http';

/** Why nobody waits for the answer any more. */
export type Leaving = 'client_gone' | 'cut';

/** Tells whoever works for a client that it has left, or that the gateway ends it. */
export interface Departure {
  readonly left: Leaving | null;
  /** One listener: the step that works at the moment. Called at once when it is too late. */
  listen(onLeave: (why: Leaving) => void): void;
  cut(): void;
}

export function watchDeparture(res: ServerResponse): Departure {
  let left: Leaving | null = null;
  let listener: ((why: Leaving) => void) | null = null;
  const leave = (why: Leaving): void => {
    if (left !== null) return;
    left = why;
    listener?.(why);
  };
  res.once('close', () => {
    if (!res.writableFinished) leave('client_gone');
    listener = null;
  });
  return {
    get left() {
      return left;
    },
    listen(onLeave) {
      listener = onLeave;
      if (left !== null) onLeave(left);
    },
    cut: () => leave('cut'),
  };
}
