// One process of the gateway: stores, background, listener; reload; close in reverse. Which planes it
// has is its `plane`; the rest is the same.

import type { RequestListener } from 'node:http';
import type { Fault } from '#shared/config/fault.ts';
import { type LoadResult, loadConfig } from '#shared/config/load.ts';
import type { GatewayConfig } from '#shared/config/schema.ts';
import { openOverload } from '#shared/http/overload.ts';
import { openHttpServer } from '#shared/http/server.ts';
import { openBackground } from '../control-plane/background.ts';
import { createApp } from './app.ts';
import { createControlPlane } from './control-plane.ts';
import { openDataPlane } from './data-plane.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { healthChecks } from './health-checks.ts';
import { hasControlPlane, hasDataPlane } from './plane.ts';
import { planeFaults } from './plane-faults.ts';
import { openReload, type Reload } from './reload.ts';
import { openSessions, openVerifier } from './sessions.ts';
import {
  noticeSettings,
  overloadLimits,
  retentionWindows,
  telemetryDestinations,
  webhooks,
} from './slices.ts';
import { createSnapshot, type Snapshot } from './snapshot.ts';
import { type ControlStores, openStores, type Stores } from './stores/stores.ts';
import { readTls } from './tls.ts';
import { VERSION } from './version.ts';

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

const FLUSH_MS = 1_000;
/** While another worker takes over: for those who ask on a connection that they kept open. */
const LAST_CALL_MS = 1_000;

/** @throws AppError `unavailable` when a store or the port cannot be opened. */
export async function openGateway(options: GatewayOptions): Promise<Opened> {
  const loaded = options.loaded ?? loadConfig(options.source, options);
  if (!loaded.ok) return loaded;
  const faults = planeFaults(loaded.config, options.plane);
  if (faults.length > 0) return { ok: false, faults };
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
  const { clock, log, plane, env } = options;
  const { config } = loaded;
  const reload: Reload = opened.use(
    await openReload(options, loaded, {
      snapshotOf: (next) => createSnapshot(next, options),
      listenerOf: (snapshot) => build(snapshot),
    }),
  );
  const current = () => reload.current();

  const stores = opened.use(await openStores({ config, plane, env, clock, log }));
  if (stores.control !== null) {
    opened.use(await openControlBackground(stores.control, current, options));
  }
  const dataPlane =
    stores.data === null
      ? null
      : opened.use(openDataPlane({ stores: stores.data, current, plane, config, clock, log }));
  const overload = opened.use(
    openOverload({
      limits: () => overloadLimits(current().config),
      sharers: options.worker?.of ?? 1,
      log,
    }),
  );
  const checks = healthChecks({
    plane,
    stores,
    load: overload.trouble,
    storeGraceMs: (config.store?.readiness_grace_seconds ?? 0) * 1000,
    faults: reload.faults,
    passedOver: () => dataPlane?.passedOver() ?? [],
    clock,
  });
  const { quota } = stores.data ?? (stores.control as ControlStores);
  const remoteKeys = opened.use(new DisposableStack());

  async function build(snapshot: Snapshot): Promise<RequestListener> {
    const sessions = hasControlPlane(plane) ? await openSessions(snapshot.config, clock) : null;
    const control =
      stores.control === null || sessions === null
        ? null
        : createControlPlane({ snapshot, stores: stores.control, sessions, clock, log });
    return createApp({
      snapshot,
      routes: [...(dataPlane?.routes ?? []), ...(control?.routes ?? [])],
      data: stores.data,
      isRevoked: ({ sub, sessionId, issuedAtMs }) =>
        quota.isRevoked({ sub, sessionId, issuedAtMs }),
      verifier:
        sessions?.verifier ?? openVerifier(snapshot.config, clock, { log, opened: remoteKeys }),
      checks: [...checks, ...(control?.checks ?? [])],
      overload,
      clock,
      log,
    });
  }

  await reload.start();
  const { host, port } = addressOf(config, options);
  const { listen } = config;
  const server = await openHttpServer({
    listener: reload.listener,
    host,
    port,
    tls: listen.tls === undefined ? null : readTls(listen.tls),
  });
  opened.defer(async () => {
    if (options.worker !== undefined) await server.lastCall(LAST_CALL_MS);
    // Streams that are ended at the last moment still have to be written out.
    const cutMs = options.drainMs + FLUSH_MS;
    await Promise.all([dataPlane?.drain(options.drainMs), server.close(cutMs)]);
  });
  return {
    port: server.port,
    stores,
    get config() {
      return current().config;
    },
    reload: reload.now,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function openControlBackground(
  stores: ControlStores,
  current: () => Snapshot,
  { clock, log, plane }: GatewayOptions,
): Promise<AsyncDisposable> {
  return openBackground({
    ...stores,
    servesRequests: hasDataPlane(plane),
    destinations: () => telemetryDestinations(current().config),
    alerts: () => noticeSettings(current().config),
    webhooks: () => webhooks(current().config),
    windows: () => retentionWindows(current().config),
    priceBook: () => current().priceBook,
    everySeconds: current().config.jobs.every_seconds,
    userAgent: `tallygate/${VERSION}`,
    clock,
    log,
  });
}

/** `PORT` is in `listen` by now, and means whichever plane this is. */
function addressOf({ listen, control_plane: control }: GatewayConfig, options: GatewayOptions) {
  const isTold = (options.env['PORT'] ?? '') !== '';
  return options.plane === 'control' && control.listen !== undefined && !isTold
    ? control.listen
    : listen;
}
