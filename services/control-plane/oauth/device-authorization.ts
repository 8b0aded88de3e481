// RFC 8628 §3.1-3.2. The body is not looked at: nothing in it is ours to believe.

import { AppError } from '#shared/errors/app-error.ts';
import { sendJson } from '#shared/http/answer.ts';
import type { Exchange } from '#shared/http/route.ts';
import { drawSecret, drawUserCode, hashSecret, renderUserCode } from './codes.ts';
import { isOverLimit } from './network-limit.ts';
import { NO_STORE } from './no-store.ts';
import { publicOrigin } from './origin.ts';
import type { SignInDeps } from './sign-in-deps.ts';

const EXPIRES_SECONDS = 600;
const INTERVAL_SECONDS = 5;
const DRAWS_MAX = 5;

/** `POST /oauth/device_authorization`. */
export async function authorizeDevice(exchange: Exchange, deps: SignInDeps): Promise<void> {
  const { req, res, requestId, clientIp } = exchange;
  const audit = (result: string) =>
    deps.log.audit('device.authorize', { request_id: requestId, result, client_ip: clientIp });
  if (await isOverLimit('device_authorization', clientIp, deps)) {
    audit('rate_limited');
    const error_description =
      'Too many sign-in attempts came from your network, which other people may share.';
    sendJson(res, 429, { error: 'slow_down', error_description }, NO_STORE);
    return;
  }
  const deviceCode = drawSecret();
  const userCode = renderUserCode(await openGrant(deviceCode, clientIp, deps));
  audit('success');
  const verificationUri = `${publicOrigin(req, deps.publicUrl)}/device`;
  const answer = {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: verificationUri,
    verification_uri_complete: `${verificationUri}?user_code=${userCode}`,
    expires_in: EXPIRES_SECONDS,
    interval: INTERVAL_SECONDS,
    ...(deps.loginNotice === null ? {} : { login_notice: deps.loginNotice }),
  };
  sendJson(res, 200, answer, NO_STORE);
}

/** Stores a pending grant under a user code that nobody else has. */
async function openGrant(
  deviceCode: string,
  clientIp: string,
  { grants, clock }: SignInDeps,
): Promise<string> {
  const nowMs = clock.now();
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const userCode = drawUserCode();
    const grant = {
      deviceCodeHash: hashSecret(deviceCode),
      userCode,
      status: 'pending' as const,
      requestedFrom: clientIp,
      requestedAtMs: nowMs,
      expiresAtMs: nowMs + EXPIRES_SECONDS * 1000,
      intervalSeconds: INTERVAL_SECONDS,
      polledAtMs: null,
      approval: null,
    };
    if (await grants.createDeviceGrant(grant, nowMs)) return userCode;
  }
  throw new AppError('unavailable', 'Too many sign-ins are open: try again in a minute.', {
    detail: `${DRAWS_MAX} user codes in a row were taken`,
  });
}
