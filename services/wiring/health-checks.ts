// What `/readyz` looks at. A data plane is ready while it can serve: everything but its own listener
// may be away. Sign-in and the admin API need their store.

import type { Fault } from '#shared/config/fault.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { HealthCheck } from '#shared/http/health.ts';
import type { Plane } from './plane.ts';
import type { ControlStores, DataStores, Stores } from './stores/stores.ts';

export interface HealthOptions {
  readonly plane: Plane;
  readonly stores: Stores;
  /** `store.readiness_grace_seconds`, in milliseconds. */
  readonly storeGraceMs: number;
  readonly faults: () => readonly Fault[];
  /** A sentence on each upstream that the data plane passes over for now. */
  readonly passedOver: () => readonly string[];
  /** That requests are refused because there are too many. */
  readonly load: () => string | null;
  readonly clock: Clock;
}

const LOST = 'it lost its memory and is being restored; nobody is capped until it is whole';

export function healthChecks(options: HealthOptions): HealthCheck[] {
  const { data, control } = options.stores;
  return [
    ...(data === null ? [] : dataChecks(data, options)),
    ...(control === null ? [] : controlChecks(control, options)),
    { name: 'load', weight: 'degraded', check: async () => options.load() },
    {
      name: 'configuration',
      weight: 'degraded',
      check: async () => {
        const found = options.faults();
        if (found.length === 0) return null;
        return `the changed file was refused: ${found.map(({ message }) => message).join(' ')}`;
      },
    },
  ];
}

function dataChecks({ quota, spool }: DataStores, { passedOver }: HealthOptions): HealthCheck[] {
  return [
    {
      name: 'quota store',
      weight: 'degraded',
      check: async () => ((await quota.isWhole()) ? null : LOST),
    },
    {
      name: 'spool',
      weight: 'degraded',
      check: async () => {
        const waiting = spool.size();
        return waiting === 0
          ? null
          : `${waiting} usage events wait on this machine for the quota store or the bus`;
      },
    },
    {
      name: 'upstreams',
      weight: 'degraded',
      check: async () => {
        const sentences = passedOver();
        return sentences.length === 0 ? null : sentences.join('; ');
      },
    },
  ];
}

function controlChecks(
  { grants, jobs, quota }: ControlStores,
  { plane, stores, clock, storeGraceMs }: HealthOptions,
): HealthCheck[] {
  return [
    {
      name: 'store',
      weight: plane === 'control' ? 'serving' : 'degraded',
      graceMs: storeGraceMs,
      check: async () => {
        await grants.revocations(clock.now());
        return null;
      },
    },
    {
      name: 'jobs',
      weight: 'degraded',
      check: async () => {
        const failing = (await jobs.states()).filter(({ lastError }) => lastError !== null);
        if (failing.length === 0) return null;
        return failing.map(({ name, lastError }) => `${name} failed: ${lastError}`).join('; ');
      },
    },
    ...(stores.data === null
      ? [
          {
            name: 'quota store',
            weight: 'degraded' as const,
            check: async () => ((await quota.isWhole()) ? null : LOST),
          },
        ]
      : []),
  ];
}
