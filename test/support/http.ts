// Routes, or any listener, on a real server on a free port of the loopback.

import type { RequestListener } from 'node:http';
import type { Clock } from '#shared/domain/clock.ts';
import type { Principal } from '#shared/domain/principal.ts';
import { createHttpApp, type HttpAppOptions } from '#shared/http/app.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import type { Gates } from '#shared/http/gates.ts';
import type { Route } from '#shared/http/route.ts';
import { type HttpServerOptions, openHttpServer } from '#shared/http/server.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createTestClock, NOON_MS } from './clock.ts';
import { createMemoryLog } from './log.ts';

/** The token that the default `verify` takes for `TEST_PRINCIPAL`. */
export const TEST_TOKEN = 'test-token';

export const TEST_PRINCIPAL: Principal = {
  sub: 'u1',
  email: 'u1@example.com',
  name: 'User One',
  groups: ['eng'],
  sessionId: 's1',
  issuedAtMs: NOON_MS,
  expiresAtMs: NOON_MS + 3_600_000,
};

export interface StartHttpOptions {
  readonly verify?: HttpAppOptions['verify'];
  readonly isRevoked?: HttpAppOptions['isRevoked'];
  readonly gates?: Partial<Gates>;
  readonly overload?: NonNullable<HttpAppOptions['overload']>;
  readonly tls?: HttpServerOptions['tls'];
  readonly log?: Log;
  readonly clock?: Clock;
}

export interface StartedHttp extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** `drainMs` 0 by default: what is open is cut. */
  close(drainMs?: number): Promise<void>;
}

export async function startHttp(
  app: readonly Route[] | RequestListener,
  options: StartHttpOptions = {},
): Promise<StartedHttp> {
  const tls = options.tls ?? null;
  const listener = typeof app === 'function' ? app : createHttpApp(appOptions(app, options));
  const server = await openHttpServer({
    ...{ listener: () => listener, host: '127.0.0.1', port: 0, tls },
  });
  const close = (drainMs = 0) => server.close(drainMs);
  const { port } = server;
  const url = `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`;
  return { url, port, close, [Symbol.asyncDispose]: () => close() };
}

function appOptions(routes: readonly Route[], options: StartHttpOptions): HttpAppOptions {
  return {
    routes,
    verify: options.verify ?? (async (token) => (token === TEST_TOKEN ? TEST_PRINCIPAL : null)),
    isRevoked: options.isRevoked ?? (async () => false),
    gates: { ...openGates(), ...options.gates },
    ...(options.overload === undefined ? {} : { overload: options.overload }),
    tls: (options.tls ?? null) !== null,
    log: options.log ?? createMemoryLog(),
    clock: options.clock ?? createTestClock(),
  };
}

function openGates(): Gates {
  return {
    trustedProxies: createAddressList([]),
    allow: createAddressList([]),
    deny: createAddressList([]),
    requestBytesMax: 1_048_576,
    headerBytesMax: null,
    urlCharsMax: null,
  };
}
