// From nothing to ready, and what a process holds that does nothing: of the embedded gateway.

import { setTimeout as pause } from 'node:timers/promises';
import { openEmbedded, type Tree, type World } from './hop-candidates.ts';
import { residentMb } from './hop-meter.ts';
import { median } from './hop-rounds.ts';

const STARTS = 5;
const IDLE_MS = 1_500;

export interface StartFigures {
  readonly readyMs: number;
  readonly idleMb: number;
}

export async function measureStarts(world: World, tree: Tree): Promise<StartFigures> {
  const ready: number[] = [];
  const idle: number[] = [];
  for (let nth = 0; nth < STARTS; nth += 1) {
    await using opened = new AsyncDisposableStack();
    const candidate = await openEmbedded(
      { ...world, opened },
      { ...tree, name: `${tree.name}-start-${nth}` },
    );
    ready.push(candidate.readyMs ?? Number.NaN);
    await pause(IDLE_MS);
    idle.push(residentMb(candidate.pids()));
  }
  return { readyMs: median(ready), idleMb: median(idle) };
}
