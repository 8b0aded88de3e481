// Who asks: the session that the bearer proves, and whether it was revoked.

import type { Principal } from '#shared/domain/principal.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { requestOrigin } from './origin.ts';
import { pathOf } from './path.ts';
import type { Exchange } from './route.ts';

export interface Authentication {
  /** Null for anything that is not a live session of ours, at this origin. Never throws. */
  readonly verify: (token: string, origin: string) => Promise<Principal | null>;
  readonly isRevoked: (principal: Principal) => Promise<boolean>;
  readonly log: Log;
}

const BEARER = 'Bearer ';

/** @throws AppError `unauthenticated`, with a line in the log. */
export async function authenticate(
  exchange: Exchange,
  options: Authentication,
): Promise<Principal> {
  const { req } = exchange;
  const header = req.headers.authorization ?? '';
  if (!header.startsWith(BEARER)) throw denied(exchange, options, 'missing_token');
  const principal = await options.verify(header.slice(BEARER.length), requestOrigin(req));
  if (principal === null) throw denied(exchange, options, 'invalid_token');
  return principal;
}

/** @throws AppError `unauthenticated` for a session that was revoked. */
export async function refuseRevoked(
  exchange: Exchange,
  principal: Principal,
  options: Authentication,
): Promise<void> {
  try {
    if (!(await options.isRevoked(principal))) return;
  } catch (caught) {
    // A signed-in developer is served while the quota store is away.
    options.log.warn('revocation could not be checked', { err: AppError.from(caught) });
    return;
  }
  throw denied(exchange, options, 'invalid_token');
}

function denied(
  { req, requestId, clientIp }: Exchange,
  { log }: Authentication,
  reason: 'missing_token' | 'invalid_token',
): AppError {
  const path = pathOf(req);
  log.audit('auth.denied', { request_id: requestId, reason, path, client_ip: clientIp });
  return new AppError('unauthenticated', 'invalid token');
}
