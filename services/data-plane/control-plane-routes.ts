// One public origin: what is the control plane's goes there through us, unless a load balancer has
// sent it there already. The control plane must list our address in its `listen.trusted_proxies`, or
// it takes us for every client.

import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Agent, type Dispatcher } from 'undici';
import { AppError } from '#shared/errors/app-error.ts';
import type { Envelope, Exchange, Route } from '#shared/http/route.ts';
import { HOP_BY_HOP } from './relay-headers.ts';

export interface ControlPlaneRoutes extends AsyncDisposable {
  readonly routes: readonly Route[];
}

const PATHS: readonly (readonly [path: string, envelope: Envelope])[] = [
  ['/.well-known/oauth-authorization-server', 'oauth'],
  ['/.well-known/jwks.json', 'oauth'],
  ['/oauth/*rest', 'oauth'],
  ['/device', 'anthropic'],
  ['/device/*rest', 'anthropic'],
  ['/user/bootstrap', 'anthropic'],
  ['/v1/organizations/*rest', 'admin'],
];
const TIMEOUT_MS = 30_000;
const AWAY = 'Sign-in and administration are not available right now; try again in a minute.';

/** @param url of the control plane, without a slash at the end */
export function openControlPlaneRoutes(url: string): ControlPlaneRoutes {
  const agent = new Agent({
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    connectTimeout: 5_000,
  });
  return {
    routes: PATHS.map(([path, envelope]) => ({
      path,
      methods: 'any',
      access: 'own',
      envelope,
      handle: (exchange) => forwardTo(url, agent, exchange),
    })),
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

async function forwardTo(url: string, dispatcher: Dispatcher, exchange: Exchange): Promise<void> {
  const { req, res } = exchange;
  const left = new AbortController();
  res.once('close', () => left.abort());
  const hasBody = Number(req.headers['content-length'] ?? 0) > 0;
  try {
    const answer = await dispatcher.request({
      origin: new URL(url).origin,
      path: `${new URL(url).pathname.replace(/\/$/, '')}${exchange.url.pathname}${exchange.url.search}`,
      method: (req.method ?? 'GET') as Dispatcher.HttpMethod,
      headers: requestHeaders(exchange),
      body: hasBody ? req : null,
      signal: left.signal,
    });
    writeHead(res, answer.statusCode, answer.headers);
    await pipeline(answer.body, res);
  } catch (cause) {
    if (left.signal.aborted) return;
    throw new AppError('unavailable', AWAY, {
      detail: 'the control plane did not answer',
      cause,
      retryAfterSeconds: 10,
    });
  }
}

function requestHeaders({ req, clientIp }: Exchange): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(req.headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && name !== 'expect') headers[name] = value;
  }
  // One hop, already resolved by our own rules: nobody further out is to be believed again.
  headers['x-forwarded-for'] = clientIp.includes(':') ? `[${clientIp}]` : clientIp;
  return headers;
}

function writeHead(res: ServerResponse, status: number, headers: IncomingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) res.setHeader(name, value);
  }
  res.writeHead(status);
}
