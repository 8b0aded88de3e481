// RFC 8628 §3.4-3.5. A decided grant is answered at once, even to a terminal that polls too fast.

import { randomUUID } from 'node:crypto';
import type { Exchange } from '#shared/http/route.ts';
import { type Approval, openApproval } from '../login/approval.ts';
import { hashSecret } from './codes.ts';
import { openRefreshFamily } from './refresh-family.ts';
import type { SignInDeps } from './sign-in-deps.ts';
import { grantToken, notePerson, refuseToken, type TokenAnswer } from './token-answer.ts';

export async function grantDeviceCode(
  deviceCode: string | null,
  exchange: Exchange,
  deps: SignInDeps,
): Promise<TokenAnswer> {
  if (deviceCode === null || deviceCode === '') return refuseToken('invalid_request');
  const { grants, clock } = deps;
  const hash = hashSecret(deviceCode);
  const polled = await grants.pollDeviceGrant(hash, clock.now());
  if (polled === null) return refuseToken('expired_token');
  switch (polled.grant.status) {
    case 'denied':
      return refuseToken('access_denied');
    case 'pending':
      return refuseToken(polled.slowDown ? 'slow_down' : 'authorization_pending');
    case 'approved': {
      // Of two polls at once one gets the session, the other learns that the code is used.
      const grant = await grants.takeDeviceGrant(hash, clock.now());
      const approval = await openApproval(deps.sealer, grant?.approval ?? null);
      if (approval === null) return refuseToken('expired_token');
      return openSession(approval, exchange, deps);
    }
  }
}

async function openSession(
  approval: Approval,
  exchange: Exchange,
  deps: SignInDeps,
): Promise<TokenAnswer> {
  const { person } = approval;
  const sessionId = randomUUID();
  const refreshToken = await openRefreshFamily(sessionId, approval, deps);
  const answer = await grantToken({ person, sessionId, refreshToken }, exchange, deps);
  deps.log.audit('session.mint', {
    request_id: exchange.requestId,
    result: 'success',
    sub: person.sub,
    email: person.email ?? undefined,
    client_ip: exchange.clientIp,
    ttl_hours: deps.session.ttlHours,
  });
  await notePerson(person, deps);
  return answer;
}
