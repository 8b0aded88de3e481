import type { ConfigSource } from '#shared/config/load.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Plane } from './plane.ts';

export interface GatewayOptions {
  readonly source: ConfigSource;
  readonly plane: Plane;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long open requests may go on after a stop is asked for. */
  readonly drainMs: number;
  readonly clock: Clock;
  readonly log: Log;
}
