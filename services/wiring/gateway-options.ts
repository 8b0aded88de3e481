import type { ConfigSource, LoadResult } from '#shared/config/load.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Plane } from './plane.ts';
import type { WorkerPlace } from './workers/worker-place.ts';

export interface GatewayOptions {
  readonly source: ConfigSource;
  /** What was just read from `source`, where somebody did. */
  readonly loaded?: LoadResult;
  readonly plane: Plane;
  /** Absent: this process is the only one of its address. */
  readonly worker?: WorkerPlace;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long open requests may go on after a stop is asked for. */
  readonly drainMs: number;
  readonly clock: Clock;
  readonly log: Log;
}
