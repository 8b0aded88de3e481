import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './schema.ts';

const FIXED: Readonly<Record<string, (config: GatewayConfig) => unknown>> = {
  'listen.host': ({ listen }) => listen.host,
  'listen.port': ({ listen }) => listen.port,
  'listen.tls': ({ listen }) => listen.tls,
  data_dir: ({ data_dir }) => data_dir,
  ledger: ({ ledger }) => ledger,
  quota: ({ quota }) => quota,
  bus: ({ bus }) => bus,
  jobs: ({ jobs }) => jobs,
  workers: ({ workers }) => workers,
};

/** Keys that differ and take effect only at the next start. */
export function restartNeeded(before: GatewayConfig, after: GatewayConfig): string[] {
  return Object.entries(FIXED)
    .filter(([, read]) => !isDeepStrictEqual(read(before), read(after)))
    .map(([key]) => key);
}
