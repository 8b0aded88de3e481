import type { Fault } from '#shared/config/fault.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { HealthCheck } from '../data-plane/health.ts';
import type { Stores } from './stores.ts';

/** What `/readyz` looks at: the stores, and whether the file on disk is the one in force. */
export function healthChecks(
  { grants, quota }: Stores,
  clock: Clock,
  faults: () => readonly Fault[],
): HealthCheck[] {
  return [
    {
      name: 'quota store',
      weight: 'degraded',
      check: async () => {
        await quota.caps();
        return null;
      },
    },
    {
      name: 'store',
      weight: 'serving',
      check: async () => {
        await grants.revocations(clock.now());
        return null;
      },
    },
    {
      name: 'configuration',
      weight: 'degraded',
      check: async () => {
        const found = faults();
        if (found.length === 0) return null;
        return `the changed file was refused: ${found.map(({ message }) => message).join(' ')}`;
      },
    },
  ];
}
