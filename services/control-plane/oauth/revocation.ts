// RFC 7009. Either token of a session ends the session: no refresh, and its access tokens are
// refused from the next request on. A token that is not ours, or no longer, is answered like one
// that was ended just now (§2.2).

import { sendJson } from '#shared/http/answer.ts';
import { readForm } from '#shared/http/body.ts';
import { requestOrigin } from '#shared/http/origin.ts';
import type { Exchange } from '#shared/http/route.ts';
import { NO_STORE } from './no-store.ts';
import { endSession } from './refresh-family.ts';
import type { SignInDeps } from './sign-in-deps.ts';

/** `POST /oauth/revoke`. 400 only where the required `token` is missing. */
export async function revokeToken(exchange: Exchange, deps: SignInDeps): Promise<void> {
  const { req, res, requestId, clientIp } = exchange;
  const form = await readForm(req);
  const token = form.get('token');
  if (token === null || token === '') {
    sendJson(res, 400, { error: 'invalid_request' }, NO_STORE);
    return;
  }
  const sessionId = await sessionOf(token, requestOrigin(req), deps);
  if (sessionId !== null) {
    await endSession(sessionId, deps);
    deps.log.audit('session.revoke', {
      request_id: requestId,
      result: 'success',
      session_id: sessionId,
      client_ip: clientIp,
    });
  }
  res.writeHead(200, { ...NO_STORE, 'content-length': 0 });
  res.end();
}

async function sessionOf(token: string, origin: string, deps: SignInDeps): Promise<string | null> {
  const name = deps.refreshTokens.parse(token);
  if (name !== null) return name.familyId;
  return (await deps.verifier.verify(token, origin))?.sessionId ?? null;
}
