// One process of the gateway from its start to its end: faults to the terminal, then open, then closed
// in order when it is asked to stop.

import { renderFaults } from '#shared/config/render-faults.ts';
import { type Gateway, openGateway } from './gateway.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { letHeapGrow } from './heap-growth.ts';
import { stopSignal } from './stop-signal.ts';
import { VERSION } from './version.ts';
import { followPrimary } from './workers/follow-primary.ts';

/** The exit code, once it has ended. */
export async function runGateway(
  options: GatewayOptions,
  file: string,
  onUp: (stores: Gateway['stores']) => Promise<void> = async () => {},
): Promise<number> {
  const { log, source, worker } = options;
  // Without a file there is nothing to read again, and a closed terminal (SIGHUP) is the end.
  const hasFile = 'path' in source;
  using following = worker === undefined ? undefined : followPrimary();
  const stopped =
    following?.stopped ??
    stopSignal(hasFile ? ['SIGTERM', 'SIGINT'] : ['SIGTERM', 'SIGINT', 'SIGHUP']);
  const opened = await openGateway(options);
  if (!opened.ok) {
    process.stderr.write(renderFaults(opened.faults, file));
    return 1;
  }
  await using gateway = opened.gateway;
  letHeapGrow();
  if (hasFile) process.on('SIGHUP', () => gateway.reload());
  const { listen } = gateway.config;
  log.info('listening', {
    plane: options.plane,
    url: listen.public_url ?? `http://${listen.host}:${gateway.port}`,
    port: gateway.port,
    version: VERSION,
  });
  await onUp(gateway.stores);
  log.info('stopping', { signal: await stopped });
  return 0;
}
