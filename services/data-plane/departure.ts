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
  let listener: ((why: Leaving) => void) | null = null;
  const leave = (why: Leaving): void => {
    if (departure.left !== null) return;
    departure.left = why;
    listener?.(why);
  };
  // No getter for `left`: an object literal with one makes a hidden class of its own each time, and that
  // keeps the whole request until all of the heap is collected.
  const departure = {
    left: null as Leaving | null,
    listen(onLeave: (why: Leaving) => void): void {
      listener = onLeave;
      if (departure.left !== null) onLeave(departure.left);
    },
    cut: () => leave('cut'),
  };
  res.once('close', () => {
    if (!res.writableFinished) leave('client_gone');
    listener = null;
  });
  return departure;
}
