import type { SqlDatabase } from '#shared/adapters/sql/sql-database.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Plane } from '../plane.ts';

export interface StoresOptions {
  readonly config: GatewayConfig;
  readonly plane: Plane;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What every part is opened with. */
export interface Opening extends StoresOptions {
  readonly opened: AsyncDisposableStack;
  /** The embedded database, opened when the first part asks for it. */
  readonly embedded: () => Promise<SqlDatabase>;
}
