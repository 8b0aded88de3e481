// The IdP sends the browser back here (OpenID Connect Core §3.1.2.5). Whatever ends the sign-in
// for good ends the waiting terminal at the same moment; a fault that may pass leaves the grant
// pending and says so.

import { sendHtml } from '#shared/http/answer.ts';
import type { Exchange } from '#shared/http/route.ts';
import { renderUserCode } from '../oauth/codes.ts';
import { publicOrigin } from '../oauth/origin.ts';
import type { SignInDeps } from '../oauth/sign-in-deps.ts';
import { sealApproval } from './approval.ts';
import { readPerson } from './claims.ts';
import {
  clearedLoginCookie,
  isSameBrowser,
  type LoginState,
  openLoginState,
} from './login-state.ts';
import { failedPage, retryPage, signedInPage } from './outcome-pages.ts';
import { pageHeaders } from './page.ts';

const EXPIRED_LINK = 'This sign-in link has expired. Try again from your device.';
const OTHER_BROWSER =
  'This sign-in was started in a different browser. Open the link from your device again, and ' +
  'finish in the browser where you started.';
const USED_CODE = 'This device code has already been used or has expired.';
const NOT_COMPLETED = 'Sign-in could not be completed.';
const IDP_AWAY = 'Your identity provider did not answer as it should. This is usually over soon.';

/** An error that the IdP itself calls passing (RFC 6749 §4.1.2.1). */
const PASSING_ERROR = 'temporarily_unavailable';

interface Ending {
  readonly page: string;
  readonly clearCookie: boolean;
}

/** `GET /oauth/callback`: always a page, always 200. */
export async function finishLogin(exchange: Exchange, deps: SignInDeps): Promise<void> {
  const { req, res, url } = exchange;
  const origin = publicOrigin(req, deps.publicUrl);
  const login = await openLoginState(url.searchParams.get('state'), deps);
  const { page, clearCookie } = await end(exchange, deps, login, origin);
  sendHtml(res, 200, page, {
    ...pageHeaders(),
    ...(clearCookie ? { 'set-cookie': clearedLoginCookie(origin) } : {}),
  });
}

async function end(
  exchange: Exchange,
  deps: SignInDeps,
  login: LoginState | null,
  origin: string,
): Promise<Ending> {
  const query = exchange.url.searchParams;
  const error = query.get('error');
  if (error !== null) return endWithIdpError(exchange, deps, login, error);
  if (login === null) return fail(EXPIRED_LINK);
  if (!isSameBrowser(exchange.req, login, origin)) {
    const { requestId: request_id, clientIp: client_ip } = exchange;
    deps.log.audit('device.callback', { request_id, result: 'browser_mismatch', client_ip });
    return { page: failedPage(OTHER_BROWSER), clearCookie: true };
  }
  const { grants, clock } = deps;
  const fresh = await grants.useOnce(`login:${login.nonce}`, login.expiresAtMs, clock.now());
  if (!fresh) return fail(EXPIRED_LINK);
  const grant = await grants.deviceGrantByUserCode(login.userCode, clock.now());
  if (grant?.status !== 'pending' || grant.deviceCodeHash !== login.deviceCodeHash) {
    return { page: failedPage(USED_CODE), clearCookie: true };
  }
  return decide(exchange, deps, login);
}

async function decide(exchange: Exchange, deps: SignInDeps, login: LoginState): Promise<Ending> {
  const query = exchange.url.searchParams;
  const answer = await deps.idp.exchange(query, { ...login, state: query.get('state') ?? '' });
  if (answer.outcome === 'unavailable') {
    deps.log.warn('the identity provider failed during a sign-in', {
      request_id: exchange.requestId,
      reason: answer.detail,
    });
    return { page: retryPage(IDP_AWAY, renderUserCode(login.userCode)), clearCookie: false };
  }
  if (answer.outcome !== 'claims') {
    return deny(exchange, deps, login, answer.detail, NOT_COMPLETED);
  }
  const reading = readPerson(answer.claims, answer.userinfo, deps.claims);
  if (reading.outcome === 'refused') {
    return deny(exchange, deps, login, reading.reason, NOT_COMPLETED);
  }
  const { person } = reading;
  const approval = await sealApproval(deps.sealer, {
    person,
    idpSub: String(answer.claims.sub),
    idpRefreshToken: answer.refreshToken,
  });
  const decision = { status: 'approved', approval } as const;
  const decided = await deps.grants.decideDeviceGrant(login.userCode, decision, deps.clock.now());
  return { page: decided ? signedInPage(person.email) : failedPage(USED_CODE), clearCookie: true };
}

/** The IdP refused in the browser. Without a state of ours there is no grant to end. */
async function endWithIdpError(
  exchange: Exchange,
  deps: SignInDeps,
  login: LoginState | null,
  error: string,
): Promise<Ending> {
  const description = exchange.url.searchParams.get('error_description');
  const message =
    description === null ? `Identity provider returned: ${error}` : `${error}: ${description}`;
  const shown = message.slice(0, 500);
  if (login === null) return fail(shown);
  if (error === PASSING_ERROR) {
    return { page: retryPage(shown, renderUserCode(login.userCode)), clearCookie: false };
  }
  return deny(exchange, deps, login, `IdP returned ${error}`, shown);
}

/** Ends the grant, so that the terminal learns it with its next poll. */
async function deny(
  { requestId, clientIp }: Exchange,
  deps: SignInDeps,
  login: LoginState,
  reason: string,
  shown: string,
): Promise<Ending> {
  deps.log.audit('session.mint', {
    request_id: requestId,
    result: 'fail',
    client_ip: clientIp,
    err: reason.slice(0, 300),
  });
  await deps.grants.decideDeviceGrant(login.userCode, { status: 'denied' }, deps.clock.now());
  return { page: failedPage(shown), clearCookie: true };
}

function fail(message: string): Ending {
  return { page: failedPage(message), clearCookie: false };
}
