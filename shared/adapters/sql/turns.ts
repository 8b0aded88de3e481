/** First come, first served: one holder at a time. */
export interface Turns {
  take(): Promise<void>;
  give(): void;
}

const byFile = new Map<string, { turns: Turns; handles: number }>();

/** The turns that all handles of this process on one file share. Pair with `leaveTurns`. */
export function turnsOf(file: string): Turns {
  if (file === ':memory:') return createTurns();
  const entry = byFile.get(file) ?? { turns: createTurns(), handles: 0 };
  entry.handles += 1;
  byFile.set(file, entry);
  return entry.turns;
}

export function leaveTurns(file: string): void {
  const entry = byFile.get(file);
  if (entry === undefined) return;
  entry.handles -= 1;
  if (entry.handles === 0) byFile.delete(file);
}

function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  let isTaken = false;
  return {
    async take() {
      if (!isTaken) {
        isTaken = true;
        return;
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give() {
      const next = waiting.shift();
      if (next === undefined) isTaken = false;
      else next();
    },
  };
}
