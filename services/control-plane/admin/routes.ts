// The admin API: /v1/organizations/spend_limits, and the erasure of people. It authenticates by itself and
// answers in its own envelope.

import type { Principal } from '#shared/domain/principal.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { sendJson } from '#shared/http/answer.ts';
import { readJson } from '#shared/http/body.ts';
import type { Exchange, Method, Route } from '#shared/http/route.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { applyCaps } from './apply-caps.ts';
import { listAudit } from './audit.ts';
import { type Administrator, type AdminSettings, authenticate } from './authentication.ts';
import { parseCapBody } from './cap-body.ts';
import { parseCapsFile } from './caps-file.ts';
import { listEffective } from './effective.ts';
import { type EraseDeps, eraseUser } from './erase-user.ts';
import { listLimits, readLimit, unknownLimit } from './list-limits.ts';
import { removeCap, type SpendLimitDeps, setCap } from './spend-limits.ts';

export interface AdminDeps extends SpendLimitDeps, EraseDeps {
  readonly ledger: SpendLimitDeps['ledger'] & EraseDeps['ledger'];
  readonly quota: Pick<QuotaStore, 'isRevoked' | 'publishCaps' | 'spend'>;
  /** Null: not a valid session token. */
  readonly verify: (token: string, origin: string) => Promise<Principal | null>;
  /** Asked at every request, so that a reload holds at the next one. Null: no `admin` block. */
  readonly settings: () => AdminSettings | null;
}

interface AdminCall {
  readonly exchange: Exchange;
  readonly who: Administrator;
  readonly settings: AdminSettings;
  readonly query: URLSearchParams;
  readonly id: string;
}

/** Answers the body of a 200. */
type Respond = (call: AdminCall) => Promise<object>;

const BASE = '/v1/organizations/spend_limits';

export function createAdminRoutes(deps: AdminDeps): Route[] {
  return [
    route(deps, `${BASE}/effective`, {
      GET: ({ settings, query }) => listEffective(deps, settings.groupLimitMode, query),
    }),
    route(deps, `${BASE}/audit`, { GET: ({ query }) => listAudit(deps.admin, query) }),
    route(deps, BASE, {
      GET: ({ query }) => listLimits(deps, query),
      POST: async (call) =>
        setCap(deps, changeBy(call), parseCapBody(await readJson(call.exchange.req))),
      PUT: async ({ who, exchange }) =>
        applyCaps(deps, who.actor, parseCapsFile(await readJson(exchange.req))),
    }),
    route(deps, `${BASE}/`, {}),
    route(deps, `${BASE}/:id`, {
      GET: ({ id }) => readLimit(deps, id),
      DELETE: (call) => removeCap(deps, changeBy(call), call),
    }),
    route(deps, '/v1/organizations/users/:id', {
      DELETE: ({ who, id, query }) => eraseUser(deps, who, { userId: id, query }),
    }),
  ];
}

function changeBy({ who, settings }: AdminCall) {
  return { actor: who.actor, mode: settings.groupLimitMode };
}

function route(
  deps: AdminDeps,
  path: string,
  responders: Readonly<Partial<Record<Method, Respond>>>,
): Route {
  return {
    path,
    // Wrong methods are refused here, behind the admin credentials.
    methods: 'any',
    access: 'own',
    envelope: 'admin',
    async handle(exchange) {
      const settings = deps.settings();
      if (settings === null) throw new AppError('not_found', 'not found');
      const who = await authenticate(deps, settings, exchange);
      if (exchange.url.pathname.endsWith('/')) throw unknownLimit();
      const method = exchange.req.method === 'HEAD' ? 'GET' : (exchange.req.method as Method);
      const respond = responders[method];
      if (respond === undefined) {
        exchange.res.setHeader('allow', Object.keys(responders).join(', '));
        throw new AppError('method_not_allowed', `${method} is not allowed here`);
      }
      const id = exchange.params['id'] ?? '';
      const query = exchange.url.searchParams;
      const body = await respond({ exchange, who, settings, query, id });
      sendJson(exchange.res, 200, body, {
        ...(method === 'GET' ? { 'cache-control': 'no-store' } : {}),
        'request-id': `req_${exchange.requestId.replaceAll('-', '')}`,
      });
    },
  };
}
