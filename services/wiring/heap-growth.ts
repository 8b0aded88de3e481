import { setFlagsFromString } from 'node:v8';

/** From now on V8's heap grows with the load, as is its default: `infra/start.mjs` keeps it small. */
export function letHeapGrow(): void {
  setFlagsFromString('--no-memory-saver-mode');
}
