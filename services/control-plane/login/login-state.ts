// What must survive the way to the IdP and back: sealed in `state`, and bound to the browser by a
// cookie, so that nobody can finish in their browser what was started in another (RFC 6749
// §10.12).

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#shared/domain/clock.ts';
import type { Sealer } from '#shared/identity/sealed.ts';
import type { DeviceGrant } from '#shared/ports/grant-store.ts';
import type { OidcClient } from './oidc-client.ts';

const LOGIN_SECONDS = 600;

export interface LoginState {
  readonly userCode: string;
  readonly deviceCodeHash: string;
  /** SHA-256 of the cookie's value. */
  readonly browser: string;
  readonly redirectUri: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly expiresAtMs: number;
}

interface LoginDeps {
  readonly idp: OidcClient;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

/** Where to send the browser, and what it must bring back. Throws when the IdP is out of reach. */
export async function startLogin(
  grant: DeviceGrant,
  origin: string,
  { idp, sealer, clock }: LoginDeps,
): Promise<{ location: string; browserSecret: string }> {
  const browserSecret = drawSecret();
  const login: LoginState = {
    userCode: grant.userCode,
    deviceCodeHash: grant.deviceCodeHash,
    browser: fingerprint(browserSecret),
    redirectUri: `${origin}/oauth/callback`,
    nonce: drawSecret(),
    codeVerifier: drawSecret(),
    expiresAtMs: clock.now() + LOGIN_SECONDS * 1000,
  };
  const state = await sealer.seal('login-state', login);
  const url = await idp.authorizationUrl({ ...login, state });
  return { location: url.href, browserSecret };
}

/** The state that we sealed, unless it is forged, cut or too old. */
export async function openLoginState(
  text: string | null,
  { sealer, clock }: Pick<LoginDeps, 'sealer' | 'clock'>,
): Promise<LoginState | null> {
  const login = text === null ? null : await sealer.open('login-state', text);
  // Sealed by us, for this purpose alone: its shape is what startLogin gave it.
  const state = login as LoginState | null;
  return state !== null && state.expiresAtMs > clock.now() ? state : null;
}

/** Whether this is the browser that the login started in. */
export function isSameBrowser(req: IncomingMessage, login: LoginState, origin: string): boolean {
  const name = cookieName(origin);
  const secrets = (req.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return secrets.some((secret) => fingerprint(secret) === login.browser);
}

/**
 * `Set-Cookie` for a login that starts. Lax: it must come along when the IdP sends the browser
 * back.
 */
export function loginCookie(origin: string, secret: string): string {
  return cookie(origin, secret, LOGIN_SECONDS);
}

/** `Set-Cookie` for a login that is over. */
export function clearedLoginCookie(origin: string): string {
  return cookie(origin, '', 0);
}

function cookie(origin: string, value: string, maxAgeSeconds: number): string {
  const secure = isHttps(origin) ? '; Secure' : '';
  const attributes = `Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax; Path=/${secure}`;
  return `${cookieName(origin)}=${value}; ${attributes}`;
}

/** `__Host-` keeps neighbours on the same domain from planting it; it needs https. */
function cookieName(origin: string): string {
  return isHttps(origin) ? '__Host-gw_dev' : 'gw_dev';
}

function isHttps(origin: string): boolean {
  return origin.startsWith('https:');
}

function drawSecret(): string {
  return randomBytes(32).toString('base64url');
}

function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
