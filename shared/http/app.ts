// Routes → one request listener, composed once: gates, then the session where a route wants one, then
// the handler. Cost per request: a look into a map (Express's router, some 20 µs, where a path has
// parameters), a request id, four headers.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express from 'express';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { sendText } from './answer.ts';
import { type Authentication, authenticate, refuseRevoked } from './authenticate.ts';
import { sendFailure } from './envelope.ts';
import { type Gates, passGates } from './gates.ts';
import type { Overload } from './overload.ts';
import { pathOf } from './path.ts';
import { requestIdFor } from './request-id.ts';
import type { Exchange, Route } from './route.ts';

export interface HttpAppOptions extends Authentication {
  readonly routes: readonly Route[];
  readonly gates: Gates;
  /** Asked about routes that may be shed. Absent: none is. */
  readonly overload?: Pick<Overload, 'admit'>;
  /** Sends `Strict-Transport-Security`: the listener itself speaks TLS. */
  readonly tls: boolean;
  readonly clock: Clock;
}

type Handle = (exchange: Exchange) => Promise<void>;

export function createHttpApp(options: HttpAppOptions): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  // One spelling of a path, as the gates compare it.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  const byPath = Map.groupBy(options.routes, ({ path }) => path);
  /** What needs no matching, and so no router. */
  const plain = new Map<string, RequestListener>();
  for (const [path, routes] of byPath) {
    const handle = dispatchMethods(routes, options);
    if (PLAIN_PATH.test(path)) plain.set(path, (req, res) => serve(req, res, routes[0], handle));
    else app.all(path, (req, res) => serve(req, res, routes[0], handle, req.params as Params));
  }
  const unknown = (req: IncomingMessage, res: ServerResponse): Promise<void> =>
    serve(req, res, undefined, (exchange) => unknownPath(exchange, options));
  app.use(unknown);
  // Express itself fails only on a path whose escapes cannot be decoded: no route has such a path.
  app.use((_err: unknown, req: IncomingMessage, res: ServerResponse, _next: unknown) =>
    unknown(req, res),
  );

  async function serve(
    req: IncomingMessage,
    res: ServerResponse,
    route: Route | undefined,
    handle: Handle,
    params: Params = {},
  ): Promise<void> {
    const requestId = requestIdFor(req, route?.envelope);
    res.setHeader('x-request-id', requestId);
    const passage = passGates(options.gates, req);
    if (passage.outcome === 'refused') {
      const { clientIp, reason } = passage;
      options.log.audit('access.denied', { request_id: requestId, reason, client_ip: clientIp });
      sendText(res, 403, 'forbidden', { connection: 'close' });
      return;
    }
    try {
      if (passage.outcome === 'too_much') {
        res.setHeader('connection', 'close');
        throw passage.error;
      }
      const busy = route?.mayBeShed === true ? options.overload?.admit(res) : null;
      if (busy) throw busy;
      const url = parseTarget(req.url ?? '/');
      const receivedAtMs = options.clock.now();
      const { clientIp } = passage;
      await handle({ req, res, requestId, clientIp, url, params, receivedAtMs });
    } catch (caught) {
      fail(res, route, AppError.from(caught), requestId, req);
    }
  }

  function fail(
    res: ServerResponse,
    route: Route | undefined,
    error: AppError,
    requestId: string,
    req: IncomingMessage,
  ): void {
    if (error.code === 'internal' || error.code === 'unavailable' || res.headersSent) {
      const path = pathOf(req);
      options.log.error('a request failed', { request_id: requestId, path, err: error });
    }
    if (res.headersSent) res.destroy();
    else sendFailure(res, route?.envelope ?? 'anthropic', error, requestId);
  }

  return (req, res) => {
    res.setHeader('x-content-type-options', 'nosniff');
    res.setHeader('x-frame-options', 'DENY');
    res.setHeader('referrer-policy', 'no-referrer');
    res.setHeader('cross-origin-opener-policy', 'same-origin');
    if (options.tls) {
      res.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains');
    }
    const listener = plain.get(pathOf(req)) ?? app;
    listener(req, res);
  };
}

/** Without parameters, wildcards or optional parts. */
const PLAIN_PATH = /^[\w/.-]+$/;

type Params = Readonly<Record<string, string>>;

/** A path and its query; absolute-form (RFC 9112 §3.2.2) loses its host, `*` becomes `/*`. */
function parseTarget(target: string): URL {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return new URL(`http://gateway.invalid${path.startsWith('/') ? '' : '/'}${path}`);
}

function dispatchMethods(routes: readonly Route[], options: HttpAppOptions): Handle {
  const named = routes.flatMap(({ methods }) => (methods === 'any' ? [] : methods));
  const allowed = new Set(named.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])));
  const needsSession = routes.some(({ access }) => access === 'session');
  return async (exchange) => {
    const method = exchange.req.method ?? '';
    const route =
      routes.find(
        ({ methods }) => methods === 'any' || methods.some((known) => known === method),
      ) ??
      (method === 'HEAD'
        ? routes.find(({ methods }) => methods !== 'any' && methods.includes('GET'))
        : undefined);
    if (route === undefined) {
      if (needsSession) await authenticate(exchange, options);
      exchange.res.setHeader('allow', [...allowed].join(', '));
      throw new AppError('method_not_allowed', `${method} is not allowed here`);
    }
    if (route.access !== 'session') {
      sendContinue(exchange);
      await route.handle(exchange);
      return;
    }
    const principal = await authenticate(exchange, options);
    if (route.revocation !== 'in_handler') await refuseRevoked(exchange, principal, options);
    sendContinue(exchange);
    await route.handle({ ...exchange, principal });
  };
}

/** Only now is the body wanted (RFC 9110 §10.1.1); `openHttpServer` leaves it to us. */
function sendContinue({ req, res }: Exchange): void {
  if (req.headers.expect !== undefined) res.writeContinue();
}

async function unknownPath(exchange: Exchange, options: HttpAppOptions): Promise<void> {
  await authenticate(exchange, options);
  sendText(exchange.res, 404, 'not found');
}
