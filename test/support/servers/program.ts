import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

export type FoundProgram =
  | { readonly available: true; readonly program: string }
  | { readonly available: false; readonly reason: string };

/** A program in PATH, or in one of some directories that are not in it. */
export function findProgram(
  name: string,
  directories: readonly string[],
  howToGet: string,
): FoundProgram {
  const path = (process.env['PATH'] ?? '').split(':').filter((directory) => directory !== '');
  const program = [...directories, ...path]
    .map((directory) => join(directory, name))
    .find((file) => isExecutable(file));
  return program === undefined
    ? { available: false, reason: `${name} is not installed (${howToGet})` }
    : { available: true, program };
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
