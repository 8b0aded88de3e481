import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../domain/principal.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** One request, as every handler gets it. Steps return values; nothing is written to it. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The client's own name for it or a UUID v4; in every answer as `x-request-id`. */
  readonly requestId: string;
  /** The client's address after trusted proxies. */
  readonly clientIp: string;
  /** Origin-form path and its query. */
  readonly url: URL;
  /** Path parameters of the route (`/v1/organizations/spend_limits/:id`). */
  readonly params: Readonly<Record<string, string>>;
  readonly receivedAtMs: number;
}

export interface SessionExchange extends Exchange {
  readonly principal: Principal;
}

interface RouteBase {
  /** Express 5 path pattern. */
  readonly path: string;
  /** Methods answered; any other gets 405 with `Allow`. `any` where the reference looks at none. */
  readonly methods: readonly Method[] | 'any';
  /** Answered 529 before any work while the process is overloaded. Default false. */
  readonly mayBeShed?: boolean;
}

/**
 * `public` needs no session; `session` has a verified, live one; `own` authenticates by itself
 * (the admin API). A handler that throws is answered with its envelope.
 */
export type Route =
  | (RouteBase & {
      readonly access: 'public' | 'own';
      readonly envelope?: Envelope;
      readonly handle: (exchange: Exchange) => void | Promise<void>;
    })
  | (RouteBase & {
      readonly access: 'session';
      readonly envelope?: Envelope;
      /** `in_handler`: the handler's own round trip to the quota store answers it. */
      readonly revocation?: 'in_handler';
      readonly handle: (exchange: SessionExchange) => void | Promise<void>;
    });

/** How a failure is spelled on this route's wire; default `anthropic`. */
export type Envelope = 'anthropic' | 'oauth' | 'admin';
