// How many processes a data plane has: the command line says so, or the file. The other planes are one.

import { createFault, type Fault } from '#shared/config/fault.ts';
import { type GatewayConfig, WORKERS_MAX } from '#shared/config/schema.ts';
import type { Plane } from '../plane.ts';

export interface CountOptions {
  readonly config: Pick<GatewayConfig, 'workers'>;
  readonly plane: Plane;
  /** What `--workers` says. */
  readonly told: string | undefined;
}

const PLANES_APART = '1; or --plane data, with --plane control as a process beside it';

export function countWorkers({ config, plane, told }: CountOptions): number | Fault {
  const path = told === undefined ? 'workers' : '--workers';
  const count = told === undefined ? config.workers : Number(told);
  if (told !== undefined && !(/^\d{1,3}$/.test(told) && count >= 1 && count <= WORKERS_MAX)) {
    return createFault(path, JSON.stringify(told), `a whole number from 1 to ${WORKERS_MAX}`);
  }
  if (plane === 'data' || count === 1) return count;
  // The file is both planes'; a command is one plane's.
  if (plane === 'control' && told === undefined) return 1;
  if (plane === 'control') {
    return createFault(path, `${count}, with --plane control`, 'nothing; data planes have workers');
  }
  return createFault(path, `${count}, with --plane all, which is one process`, PLANES_APART);
}
