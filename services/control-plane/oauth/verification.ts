// RFC 8628 §3.3: the pages where a person enters or confirms the code of their terminal. A GET
// never changes anything, a POST counts only from our own page, and nothing submits by itself:
// whoever is sent a link must still compare the codes.

import { isoTime } from '#shared/domain/clock.ts';
import { sendHtml } from '#shared/http/answer.ts';
import { readForm } from '#shared/http/body.ts';
import type { Exchange } from '#shared/http/route.ts';
import type { DeviceGrant } from '#shared/ports/grant-store.ts';
import { confirmCodePage, enterCodePage } from '../login/device-pages.ts';
import { loginCookie, startLogin } from '../login/login-state.ts';
import { notWaitingPage, retryPage, stoppedPage } from '../login/outcome-pages.ts';
import { pageHeaders } from '../login/page.ts';
import { parseUserCode, renderUserCode } from './codes.ts';
import { isOverLimit } from './network-limit.ts';
import { NO_STORE } from './no-store.ts';
import { isSameOrigin, publicOrigin } from './origin.ts';
import type { SignInDeps } from './sign-in-deps.ts';

const REFUSALS = {
  csrf_rejected:
    'This request came from another site and was blocked. Open the verification link directly.',
  rate_limited:
    'Too many attempts came from your network, which other people may share. ' +
    'Wait a few minutes and try again.',
  unknown_code:
    'That code was not recognized — it may have expired. Check your device and try again.',
} as const;

/** `GET /device`: the form, or with `?user_code=` the question whether the codes match. */
export async function showDevicePage(exchange: Exchange, deps: SignInDeps): Promise<void> {
  const { res, url } = exchange;
  const userCode = url.searchParams.get('user_code');
  const { loginNotice } = deps;
  const nowMs = deps.clock.now();
  const page =
    userCode === null || userCode === ''
      ? enterCodePage({ refusal: null, loginNotice })
      : confirmCodePage({
          userCode,
          origin: await visibleGrant(userCode, exchange, deps),
          nowMs,
          loginNotice,
        });
  sendHtml(res, 200, page, pageHeaders(await deps.idp.formActionOrigins()));
}

/** `POST /device`: on to the IdP, if somebody waits under this code. */
export async function submitDevicePage(exchange: Exchange, deps: SignInDeps): Promise<void> {
  const { req, res, requestId, clientIp } = exchange;
  const audit = (result: string) =>
    deps.log.audit('device.verify', { request_id: requestId, result, client_ip: clientIp });
  const checked = await checkedGrant(exchange, deps, 'device_verify');
  if (typeof checked === 'string') {
    audit(checked);
    return refuse(exchange, deps, checked);
  }
  const origin = publicOrigin(req, deps.publicUrl);
  try {
    const { location, browserSecret } = await startLogin(checked, origin, deps);
    audit('redirect');
    res.writeHead(302, {
      ...NO_STORE,
      location,
      'set-cookie': loginCookie(origin, browserSecret),
      'content-length': 0,
    });
    res.end();
  } catch (error) {
    audit('idp_unavailable');
    const sentence = await deps.idp.check();
    deps.log.warn('sign-in cannot start', {
      request_id: requestId,
      reason: sentence ?? `${error}`,
    });
    const message = 'Your identity provider cannot be reached right now. Try again in a moment.';
    sendHtml(res, 503, retryPage(message, renderUserCode(checked.userCode)), pageHeaders());
  }
}

/** `POST /device/deny`: ends the waiting terminal. */
export async function denyDevice(exchange: Exchange, deps: SignInDeps): Promise<void> {
  const { res, requestId, clientIp } = exchange;
  const audit = (result: string, grant: DeviceGrant | null) =>
    deps.log.audit('device.deny', {
      request_id: requestId,
      result,
      client_ip: clientIp,
      requested_from: grant?.requestedFrom,
      requested_at: grant === null ? undefined : isoTime(grant.requestedAtMs),
    });
  const checked = await checkedGrant(exchange, deps, 'device_deny');
  if (checked === 'csrf_rejected' || checked === 'rate_limited') {
    audit(checked, null);
    return refuse(exchange, deps, checked);
  }
  const denied =
    checked !== 'unknown_code' &&
    (await deps.grants.decideDeviceGrant(checked.userCode, { status: 'denied' }, deps.clock.now()));
  audit(denied ? 'denied' : 'unknown_code', denied ? checked : null);
  sendHtml(res, 200, denied ? stoppedPage() : notWaitingPage(), pageHeaders());
}

/** The grant that a form names, past every check, or which check said no. */
async function checkedGrant(
  { req, clientIp }: Exchange,
  deps: SignInDeps,
  door: 'device_verify' | 'device_deny',
): Promise<DeviceGrant | keyof typeof REFUSALS> {
  if (!isSameOrigin(req, deps.publicUrl)) return 'csrf_rejected';
  if (await isOverLimit(door, clientIp, deps)) return 'rate_limited';
  const code = parseUserCode(await postedCode(req));
  const grant =
    code === null ? null : await deps.grants.deviceGrantByUserCode(code, deps.clock.now());
  return grant?.status === 'pending' ? grant : 'unknown_code';
}

/** What is not a form has no code in it. */
async function postedCode(req: Exchange['req']): Promise<string | null> {
  const form = await readForm(req).catch(() => null);
  return form?.get('user_code') ?? null;
}

async function refuse(
  { res }: Exchange,
  { idp, loginNotice }: SignInDeps,
  reason: keyof typeof REFUSALS,
): Promise<void> {
  const page = enterCodePage({ refusal: REFUSALS[reason], loginNotice });
  sendHtml(res, 200, page, pageHeaders(await idp.formActionOrigins()));
}

/**
 * Who asked under this code, for the person to judge. Counted like an attempt, or the page would
 * tell guessers which codes live; when the count or the store says no, the page does without.
 */
async function visibleGrant(
  userCode: string,
  { clientIp }: Exchange,
  deps: SignInDeps,
): Promise<DeviceGrant | null> {
  const code = parseUserCode(userCode);
  if (code === null) return null;
  try {
    if (await isOverLimit('device_view', clientIp, deps)) return null;
    const grant = await deps.grants.deviceGrantByUserCode(code, deps.clock.now());
    return grant?.status === 'pending' ? grant : null;
  } catch (error) {
    deps.log.warn('the grant store did not answer', { reason: String(error) });
    return null;
  }
}
