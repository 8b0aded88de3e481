import { drawsFrom } from './seed.ts';

/** The same order for the same seed: a failure can be run again. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const left = [...items];
  const order: T[] = [];
  const draw = drawsFrom(seed);
  while (left.length > 0) order.push(...left.splice(Math.floor(draw() * left.length), 1));
  return order;
}
