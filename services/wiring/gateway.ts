// The whole gateway in one process: stores, background, listener; reload; close in reverse.

import type { RequestListener } from 'node:http';
import type { Fault } from '#shared/config/fault.ts';
import { type ConfigSource, type LoadResult, loadConfig } from '#shared/config/load.ts';
import { restartNeeded } from '#shared/config/restart-needed.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import { watchConfig } from '#shared/config/watch.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { openHttpServer } from '#shared/http/server.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { openBackground } from '../control-plane/background.ts';
import { createMessagesRoutes } from '../data-plane/routes.ts';
import { createApp } from './app.ts';
import { healthChecks } from './health-checks.ts';
import { openSessions } from './sessions.ts';
import { retentionWindows, telemetryDestinations } from './slices.ts';
import { createSnapshot, type Snapshot } from './snapshot.ts';
import { openStores, type Stores } from './stores.ts';
import { readTls } from './tls.ts';
import { VERSION } from './version.ts';

export interface GatewayOptions {
  readonly source: ConfigSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long open requests may go on after a stop is asked for. */
  readonly drainMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Gateway extends AsyncDisposable {
  readonly port: number;
  readonly stores: Stores;
  readonly config: GatewayConfig;
  /** Reads the file again now (SIGHUP). */
  reload(): void;
}

export type Opened =
  | { readonly ok: true; readonly gateway: Gateway }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** @throws AppError `unavailable` when a store or the port cannot be opened. */
export async function openGateway(options: GatewayOptions): Promise<Opened> {
  const loaded = loadConfig(options.source, options);
  if (!loaded.ok) return loaded;
  const opened = new AsyncDisposableStack();
  try {
    return { ok: true, gateway: await open(options, loaded, opened) };
  } catch (caught) {
    await opened.disposeAsync();
    throw caught;
  }
}

async function open(
  options: GatewayOptions,
  loaded: LoadResult & { ok: true },
  opened: AsyncDisposableStack,
): Promise<Gateway> {
  const { clock, log, source } = options;
  let current = createSnapshot(loaded.config, clock, log);
  let faults: readonly Fault[] = [];
  logLoaded(options, loaded);

  const stores = opened.use(await openStores(loaded.config, clock, log));
  opened.use(
    await openBackground({
      ...stores,
      destinations: () => telemetryDestinations(current.config),
      windows: () => retentionWindows(current.config),
      userAgent: `tallygate/${VERSION}`,
      clock,
      log,
    }),
  );
  const messages = opened.use(
    createMessagesRoutes({
      quota: stores.quota,
      bus: stores.bus,
      policy: () => current.policies,
      catalogue: () => current.catalogue,
      priceBook: () => current.priceBook,
      upstreams: () => current.upstreams,
      settings: () => current.settings,
      clock,
      log,
    }),
  );
  const checks = healthChecks(stores, clock, () => faults);
  const build = async (snapshot: Snapshot): Promise<RequestListener> => {
    const sessions = await openSessions(snapshot.config, clock);
    const { routes } = messages;
    return createApp({ snapshot, messages: routes, stores, sessions, checks, clock, log });
  };

  let listener = await build(current);
  const { listen } = loaded.config;
  const server = await openHttpServer({
    listener: () => listener,
    host: listen.host,
    port: listen.port,
    tls: listen.tls === undefined ? null : readTls(listen.tls),
  });
  opened.defer(async () => {
    await Promise.all([messages.drain(options.drainMs), server.close(options.drainMs)]);
  });

  const takeOver = async (config: GatewayConfig): Promise<void> => {
    for (const key of restartNeeded(current.config, config)) {
      log.warn('a changed key takes effect at the next start only', { key });
    }
    const next = createSnapshot(config, clock, log);
    listener = await build(next);
    current = next;
    faults = [];
    log.info('the new configuration is in force');
  };
  const watch =
    'path' in source
      ? opened.use(
          watchConfig({
            path: source.path,
            sha256: loaded.sha256,
            load: () => loadConfig(source, options),
            onChange: (config, { warnings, sha256 }) => {
              logLoaded(options, { warnings, sha256 });
              takeOver(config).catch((caught: unknown) => {
                log.error('the new configuration could not be taken over', {
                  err: AppError.from(caught),
                });
              });
            },
            onFaults: (found) => {
              faults = found;
              for (const { message } of faults)
                log.error('configuration fault', { fault: message });
              log.error('the changed file was refused; the configuration before it stays in force');
            },
          }),
        )
      : null;
  return {
    port: server.port,
    stores,
    get config() {
      return current.config;
    },
    reload: () => watch?.reload(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function logLoaded(
  { log, source }: GatewayOptions,
  loaded: Pick<LoadResult & { ok: true }, 'warnings' | 'sha256'>,
): void {
  const path = 'path' in source ? source.path : 'the demo profile';
  log.audit('config.load', { path, sha256: loaded.sha256 });
  for (const { message } of loaded.warnings) log.warn(message);
}
