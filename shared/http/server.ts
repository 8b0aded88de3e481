import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { AppError } from '#shared/errors/app-error.ts';

export interface HttpServerOptions {
  /** Asked for each request, so that a reload takes effect with the next one. */
  readonly listener: () => RequestListener;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: { readonly cert: string | Buffer; readonly key: string | Buffer } | null;
  /** A request whose body stops arriving for so long is cut; default 60 s. */
  readonly bodyIdleMs?: number;
}

export interface HttpServer {
  readonly port: number;
  /** Stops accepting, lets open requests finish for at most `drainMs`, then cuts them. */
  close(drainMs: number): Promise<void>;
}

/** Longer than the idle time of load balancers, which would otherwise meet a closed connection. */
const KEEP_ALIVE_MS = 620_000;
const HEADERS_MS = 60_000;
const BODY_IDLE_MS = 60_000;
/** No client of ours comes near it, and `limits.max_request_header_bytes` may ask for less. */
const HEADER_BYTES_MAX = 262_144;

/** @throws AppError `unavailable` when the address is taken. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits = { maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: KEEP_ALIVE_MS };
  const server: Server =
    options.tls === null
      ? createHttpServer(limits)
      : createHttpsServer({ ...limits, ...options.tls, ALPNProtocols: ['http/1.1'] });
  // Streams last as long as they last: only a body that stops arriving ends a request.
  server.requestTimeout = 0;
  server.headersTimeout = HEADERS_MS;
  server.timeout = options.bodyIdleMs ?? BODY_IDLE_MS;
  const latest = new WeakMap<Socket, Turn>();
  let draining = false;
  const take: RequestListener = (req, res) => {
    latest.set(req.socket, { req, res });
    if (draining) res.setHeader('connection', 'close');
    // A connection that kept alive through its last answer would hold up the shutdown.
    res.once('close', () => draining && setImmediate(() => server.closeIdleConnections()));
    options.listener()(req, res);
  };
  server.on('request', take);
  // Whether the body is wanted is decided behind the gates; the app says so (`writeContinue`).
  server.on('checkContinue', take);
  server.on('timeout', (socket) => cutUnlessAnswering(socket, latest.get(socket)));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    refuseUnparsable(error, socket as Socket, latest.get(socket as Socket)),
  );
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async close(drainMs) {
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

interface Turn {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** Nothing moved on the socket for a while. A model that thinks is no reason to hang up. */
function cutUnlessAnswering(socket: Socket, turn: Turn | undefined): void {
  const answering = turn?.req.complete === true && !turn.res.writableFinished;
  if (!answering) socket.destroy();
}

const UNPARSABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What node's parser refused never becomes a request: no gate saw it, no route answers it. */
function refuseUnparsable(
  { code = '' }: NodeJS.ErrnoException,
  socket: Socket,
  turn: Turn | undefined,
): void {
  const midAnswer = turn?.res.headersSent === true && !turn.res.writableFinished;
  if (!socket.writable || midAnswer) {
    socket.destroy();
    return;
  }
  const status = UNPARSABLE[code] ?? '400 Bad Request';
  const text = UNPARSABLE[code] === undefined ? '' : status.slice(4).toLowerCase();
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: text/plain;charset=utf-8\r\n` +
      `x-request-id: ${randomUUID()}\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
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
