// The listener beneath the routes: sockets, TLS, what node's parser refuses, clients that are slow on
// purpose, and the end.

import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '#shared/errors/app-error.ts';
import { hangUp } from './hang-up.ts';
import { type BodyPace, type Turn, watchBodies } from './slow-bodies.ts';

export interface HttpServerOptions {
  /** Asked for each request, so that a reload takes effect with the next one. */
  readonly listener: () => RequestListener;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: { readonly cert: string | Buffer; readonly key: string | Buffer } | null;
  /** Until a request's headers are whole; default 30 s. What takes longer is told 408. */
  readonly headersMs?: number;
  /** How fast a body must come at least; default 30 KiB in 30 s. What is slower is told 408. */
  readonly bodyPace?: BodyPace;
}

export interface HttpServer {
  readonly port: number;
  /**
   * Every answer from now on ends its connection. Resolves when none is open, or after `waitMs`:
   * what is closed idle then was not used meanwhile.
   */
  lastCall(waitMs: number): Promise<void>;
  /** Stops accepting, lets open requests finish for at most `drainMs`, then cuts them. */
  close(drainMs: number): Promise<void>;
}

/** Longer than the idle time of load balancers, which would otherwise meet a closed connection. */
const KEEP_ALIVE_MS = 620_000;
const HEADERS_MS = 30_000;
const LAST_CALL_POLL_MS = 50;
const BODY_PACE: BodyPace = { windowMs: 30_000, bytesMin: 30 * 1024 };
/** No client of ours comes near it, and `limits.max_request_header_bytes` may ask for less. */
const HEADER_BYTES_MAX = 262_144;

/** @throws AppError `unavailable` when the address is taken. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const headersMs = options.headersMs ?? HEADERS_MS;
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.min(headersMs / 4, 5_000),
    // Streams last as long as they last: only a body that hardly arrives ends a request.
    requestTimeout: 0,
  };
  const server: Server =
    options.tls === null
      ? createHttpServer(limits)
      : createHttpsServer({
          ...limits,
          ...options.tls,
          ALPNProtocols: ['http/1.1'],
          handshakeTimeout: headersMs,
        });
  const bodies = watchBodies(options.bodyPace ?? BODY_PACE, (socket, { res }) =>
    hangUp(socket, 408, res.headersSent),
  );
  let draining = false;
  let closing = false;
  const take: RequestListener = (req, res) => {
    const { socket } = req;
    const turn: Turn = { req, res };
    bodies.watch(socket, turn);
    if (draining) res.setHeader('connection', 'close');
    res.once('close', () => {
      bodies.answered(socket, turn);
      // A connection that kept alive through its last answer would hold up the shutdown.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    options.listener()(req, res);
  };
  server.on('request', take);
  // Whether the body is wanted is decided behind the gates; the app says so (`writeContinue`).
  server.on('checkContinue', take);
  server.on('clientError', ({ code = '' }: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    const res = bodies.turnOf(socket)?.res;
    // What node's parser refused never becomes a request: no gate saw it, no route answers it.
    const isAnswering = res?.headersSent === true && !res.writableFinished;
    hangUp(socket, UNPARSABLE[code] ?? 400, isAnswering);
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async lastCall(waitMs) {
      draining = true;
      const endAtMs = performance.now() + waitMs;
      while (performance.now() < endAtMs && (await connectionsOf(server)) > 0) {
        await pause(LAST_CALL_POLL_MS);
      }
    },
    async close(drainMs) {
      draining = true;
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(cut);
      bodies[Symbol.dispose]();
    },
  };
}

const UNPARSABLE: Readonly<Record<string, 408 | 431>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((_error, count = 0) => resolve(count));
  });
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const message = taken
        ? `Port ${port} on ${host} is in use; choose another one with PORT or listen.port.`
        : `Cannot listen on ${host}:${port}; check listen.host and listen.port.`;
      reject(new AppError('unavailable', message, { cause }));
    });
    server.listen(port, host, resolve);
  });
}
