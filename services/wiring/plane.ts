/** Which half of the gateway a process is; `all` is both. */
export type Plane = 'data' | 'control' | 'all';

export const PLANES: readonly Plane[] = ['data', 'control', 'all'];

export function hasDataPlane(plane: Plane): boolean {
  return plane !== 'control';
}

export function hasControlPlane(plane: Plane): boolean {
  return plane !== 'data';
}
