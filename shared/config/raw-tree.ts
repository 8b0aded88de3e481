// Looking into a file that may be wrong anywhere: an accessor answers with an empty value where the
// tree has something else, so that a rule can speak although another part is broken.

import type { Path } from './fault.ts';

export type RawMap = Readonly<Record<string, unknown>>;

export function isRawMap(value: unknown): value is RawMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands at a path, or undefined. Own keys only. */
export function valueAt(tree: unknown, ...path: Path): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

export function mapAt(tree: unknown, ...path: Path): RawMap {
  const value = valueAt(tree, ...path);
  return isRawMap(value) ? value : {};
}

export function listAt(tree: unknown, ...path: Path): readonly unknown[] {
  const value = valueAt(tree, ...path);
  return Array.isArray(value) ? value : [];
}

export function textAt(tree: unknown, ...path: Path): string | undefined {
  const value = valueAt(tree, ...path);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Cuts a path where the tree ends: `['jwt_secret', 0]` of a lone text is `['jwt_secret']`. */
export function pathWithin(tree: unknown, path: Path): Path {
  const isIndexOfScalar = (index: number): boolean =>
    typeof path[index] === 'number' && !Array.isArray(valueAt(tree, ...path.slice(0, index)));
  const end = path.findIndex((_, index) => isIndexOfScalar(index));
  return end === -1 ? path : path.slice(0, end);
}
