// The configuration in force: read at the start, again when its file changes and on SIGHUP. A valid
// file takes effect for the next request; an invalid one changes nothing and is told.

import type { RequestListener } from 'node:http';
import type { Fault } from '#shared/config/fault.ts';
import { type LoadResult, loadConfig } from '#shared/config/load.ts';
import { restartNeeded } from '#shared/config/restart-needed.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import { watchConfig } from '#shared/config/watch.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Snapshot } from './snapshot.ts';

export interface ReloadParts {
  readonly snapshotOf: (config: GatewayConfig) => Promise<Snapshot>;
  readonly listenerOf: (snapshot: Snapshot) => Promise<RequestListener>;
}

export interface Reload extends AsyncDisposable {
  current(): Snapshot;
  listener(): RequestListener;
  /** Of the file on disk, where it was refused. */
  faults(): readonly Fault[];
  /** Builds the first listener and begins to watch the file. */
  start(): Promise<void>;
  now(): void;
}

type Loaded = LoadResult & { ok: true };

export async function openReload(
  options: GatewayOptions,
  booted: Loaded,
  { snapshotOf, listenerOf }: ReloadParts,
): Promise<Reload> {
  const { log, source } = options;
  const watching = new AsyncDisposableStack();
  let snapshot = await snapshotOf(booted.config);
  let listener: RequestListener | null = null;
  let faults: readonly Fault[] = [];
  let now = (): void => undefined;
  /** One after the other: the last file is the one that holds. */
  let taking = Promise.resolve();
  logLoaded(options, booted);

  async function takeOver(config: GatewayConfig): Promise<void> {
    for (const setting of restartNeeded(booted.config, config)) {
      log.warn('a changed setting takes effect at the next start only', { setting });
    }
    const next = await snapshotOf(config);
    listener = await listenerOf(next);
    snapshot = next;
    faults = [];
    log.info('the new configuration is in force');
  }

  function watchFile(path: string): void {
    const watch = watchConfig({
      path,
      sha256: booted.sha256,
      load: () => loadConfig(source, options),
      onChange: (config, { warnings, sha256 }) => {
        logLoaded(options, { warnings, sha256 });
        taking = taking
          .then(() => takeOver(config))
          .catch((caught: unknown) => {
            const err = AppError.from(caught);
            log.error('the new configuration could not be taken over', { err });
          });
      },
      onFaults: (found) => {
        faults = found;
        for (const { message } of found) log.error('configuration fault', { fault: message });
        log.error('the changed file was refused; the configuration before it stays in force');
      },
    });
    watching.use(watch);
    now = () => watch.reload();
  }

  return {
    current: () => snapshot,
    listener() {
      if (listener === null) throw new RangeError('the listener is asked for before the start');
      return listener;
    },
    faults: () => faults,
    async start() {
      listener = await listenerOf(snapshot);
      if ('path' in source) watchFile(source.path);
    },
    now: () => now(),
    [Symbol.asyncDispose]: () => watching.disposeAsync(),
  };
}

function logLoaded(
  { log, source }: GatewayOptions,
  loaded: Pick<Loaded, 'warnings' | 'sha256'>,
): void {
  const path = 'path' in source ? source.path : 'the demo profile';
  log.audit('config.load', { path, sha256: loaded.sha256 });
  for (const { message } of loaded.warnings) log.warn(message);
}
