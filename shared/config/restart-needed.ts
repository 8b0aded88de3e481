import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from './schema.ts';
import { isSecret } from './secret.ts';

const FIXED: Readonly<Record<string, (config: GatewayConfig) => unknown>> = {
  'listen.host': ({ listen }) => listen.host,
  'listen.port': ({ listen }) => listen.port,
  'listen.tls': ({ listen }) => listen.tls,
  data_dir: ({ data_dir }) => data_dir,
  store: ({ store }) => store,
  ledger: ({ ledger }) => ledger,
  quota: ({ quota }) => quota,
  bus: ({ bus }) => bus,
  jobs: ({ jobs }) => jobs,
  control_plane: ({ control_plane }) => control_plane,
  workers: ({ workers }) => workers,
};

/** Secrets as what they hide: two of them are never equal as they are. */
function comparable(value: unknown): unknown {
  if (isSecret(value)) return value.reveal();
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, comparable(entry)]));
}

/** Keys that differ and take effect only at the next start. */
export function restartNeeded(before: GatewayConfig, after: GatewayConfig): string[] {
  return Object.entries(FIXED)
    .filter(([, read]) => !isDeepStrictEqual(comparable(read(before)), comparable(read(after))))
    .map(([key]) => key);
}
