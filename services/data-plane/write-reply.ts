import type { ServerResponse } from 'node:http';
import { MICRO_USD_PER_CENT } from '#shared/domain/money.ts';
import type { Limit } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { SessionExchange } from '#shared/http/route.ts';
import type { Log, LogFields } from '#shared/telemetry/log.ts';
import type { Gate } from './admit.ts';
import { groupOf, kindOf } from './limit-kind.ts';
import {
  type Blocked,
  type Refusal,
  renderBlocked,
  renderBusy,
  renderUnavailable,
} from './spend-refusals.ts';
import type { ErrorReply } from './upstreams/upstream.ts';

/** An upstream's refusal, whole. */
export function writeReply(res: ServerResponse, { status, headers, body }: ErrorReply): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, { ...headers, 'content-length': String(body.length) });
  res.end(body);
}

export interface RefusalOptions {
  readonly blockedMessage: string | null;
  readonly nowMs: number;
  readonly log: Log;
}

/** The answer to whoever was not admitted. @throws AppError for a revoked session. */
export function writeRefusal(
  exchange: SessionExchange,
  gate: Exclude<Gate, { outcome: 'admitted' }>,
  options: RefusalOptions,
): void {
  const { status, headers, body } = refusalFor(exchange, gate, options);
  const type = { 'content-type': 'application/json;charset=utf-8' };
  writeReply(exchange.res, {
    status,
    headers: { ...type, ...headers },
    body: Buffer.from(JSON.stringify(body)),
  });
}

function refusalFor(
  { requestId, principal, url, clientIp }: SessionExchange,
  gate: Exclude<Gate, { outcome: 'admitted' }>,
  { blockedMessage, nowMs, log }: RefusalOptions,
): Refusal {
  const about = { request_id: requestId, sub: principal.sub };
  switch (gate.outcome) {
    case 'revoked':
      // As the HTTP kit audits every other token that is none.
      log.audit('auth.denied', {
        request_id: requestId,
        reason: 'invalid_token',
        path: url.pathname,
        client_ip: clientIp,
      });
      throw new AppError('unauthenticated', 'invalid token', { detail: 'the session is revoked' });
    case 'busy':
      return renderBusy({ standings: gate.standings, nowMs, requestId });
    case 'closed':
      log.audit('spend.blocked', { ...about, cause: 'store_error' });
      return renderUnavailable({ blockedMessage });
    case 'blocked': {
      const refusal: Blocked = renderBlocked(gate.admission, { nowMs, blockedMessage });
      const { limit } = refusal.breach;
      log.audit('spend.blocked', {
        ...about,
        cause: 'over_limit',
        cap_cents: Math.floor(limit.capMicroUsd / MICRO_USD_PER_CENT),
        ...sourceOf(limit, gate),
        period: limit.period,
      });
      return refusal;
    }
  }
}

/** Whose limit it was; of a pool, the groups that have one and of which none had anything left. */
function sourceOf(limit: Limit, { caps, pools }: Extract<Gate, { outcome: 'blocked' }>): LogFields {
  const kind = kindOf(limit);
  switch (kind.type) {
    case 'group':
      return { source: 'group_pool', groups: pools.map(groupOf) };
    case 'organization':
      return { source: 'organization_pool' };
    default: {
      const source = caps.find(({ id }) => id === limit.capId)?.scope.type;
      return kind.type === 'own' ? { source } : { source, cap_model: kind.model };
    }
  }
}
