// The admin API: /v1/organizations/spend_limits. It authenticates by itself and answers in its own
// envelope.

import type { Clock } from '#shared/domain/clock.ts';
import type { Principal } from '#shared/domain/principal.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { sendJson } from '#shared/http/answer.ts';
import { readJson } from '#shared/http/body.ts';
import type { Exchange, Method, Route } from '#shared/http/route.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { listAudit } from './audit.ts';
import { type Administrator, type AdminSettings, authenticate } from './authentication.ts';
import { parseCapBody } from './cap-body.ts';
import { listEffective } from './effective.ts';
import { listCaps, readCap, removeCap, setCap, unknownLimit } from './spend-limits.ts';
import { createUsageReport } from './usage-report.ts';

export interface AdminDeps {
  readonly admin: AdminStore;
  readonly ledger: Pick<Ledger, 'spendOf' | 'rollups' | 'eventsBetween' | 'corrections'>;
  readonly quota: Pick<QuotaStore, 'isRevoked' | 'publishCaps' | 'spend'>;
  /** Null: not a valid session token. */
  readonly verify: (token: string, origin: string) => Promise<Principal | null>;
  /** Asked at every request, so that a reload holds at the next one. Null: no `admin` block. */
  readonly settings: () => AdminSettings | null;
  readonly clock: Clock;
  readonly log: Log;
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
  const usageReport = createUsageReport(deps);
  return [
    route(deps, '/v1/organizations/usage', { GET: ({ query }) => usageReport(query) }),
    route(deps, `${BASE}/effective`, {
      GET: ({ settings, query }) => listEffective(deps, settings.groupLimitMode, query),
    }),
    route(deps, `${BASE}/audit`, { GET: ({ query }) => listAudit(deps.admin, query) }),
    route(deps, BASE, {
      GET: ({ query }) => listCaps(deps, query),
      POST: async ({ who, exchange }) =>
        setCap(deps, who, parseCapBody(await readJson(exchange.req))),
    }),
    route(deps, `${BASE}/`, {}),
    route(deps, `${BASE}/:id`, {
      GET: ({ id }) => readCap(deps, id),
      DELETE: ({ who, id, query }) => removeCap(deps, who, { id, query }),
    }),
  ];
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
