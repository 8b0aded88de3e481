// Chance that can be run again: one seed for a run, named where the run fails.

import { randomInt } from 'node:crypto';

/** TALLYGATE_SEED, to run a failure again; without it another one each time. */
export function runSeed(): number {
  const wanted = process.env['TALLYGATE_SEED'];
  if (wanted === undefined || wanted === '') return randomInt(2 ** 32);
  const seed = Number(wanted);
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
  throw new RangeError(`TALLYGATE_SEED is ${wanted}; accepted: a whole number below 2^32`);
}

/** Numbers from 0 up to, not including, 1: the same ones for the same seed. */
export function drawsFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
