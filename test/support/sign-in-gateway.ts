// The sign-in routes over real HTTP, on a SQLite grant store and a real OIDC provider.

import { openSqliteGrantStore } from '#shared/adapters/grant-store/sqlite.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import type { Revocation } from '#shared/domain/quota.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import type { Gates } from '#shared/http/gates.ts';
import { createRefreshTokens } from '#shared/identity/refresh-token.ts';
import { createSealer } from '#shared/identity/sealed.ts';
import {
  createSessionMinter,
  createSessionVerifier,
  SESSION_AUDIENCE,
  type SessionVerifier,
} from '#shared/identity/session-token.ts';
import { sessionKeysFromSecrets } from '#shared/identity/signing-keys.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Person } from '../../services/control-plane/login/claims.ts';
import { createOidcClient } from '../../services/control-plane/login/oidc-client.ts';
import type { OidcOptions } from '../../services/control-plane/login/oidc-options.ts';
import { createSignInRoutes } from '../../services/control-plane/oauth/routes.ts';
import type { SignInDeps } from '../../services/control-plane/oauth/sign-in-deps.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { startHttp } from './http.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  openTestIdentityProvider,
  type TestIdentityProvider,
} from './identity-provider.ts';
import { createMemoryLog, type LogLine } from './log.ts';
import { temporaryDatabase } from './sqlite-instance.ts';

export interface SignInGateway extends AsyncDisposable {
  readonly url: string;
  readonly idp: TestIdentityProvider;
  readonly clock: TestClock;
  readonly verifier: SessionVerifier;
  readonly grants: GrantStore;
  readonly revocations: readonly Revocation[];
  readonly seen: readonly Person[];
  readonly lines: readonly LogLine[];
  /** The fields of the last audit line of an event. */
  audited(evt: string): LogLine['fields'] | undefined;
}

export interface SignInGatewayOptions {
  readonly oidc?: Partial<OidcOptions>;
  readonly deps?: Partial<SignInDeps>;
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[];
}

function gatesFor(trustedProxies: readonly string[]): Gates {
  return {
    trustedProxies: createAddressList(trustedProxies),
    allow: createAddressList([]),
    deny: createAddressList([]),
    requestBytesMax: 1_048_576,
    headerBytesMax: null,
    urlCharsMax: null,
  };
}

export function oidcOptions(issuer: string, change: Partial<OidcOptions> = {}): OidcOptions {
  return {
    issuer,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    clientAssertion: null,
    tokenEndpointAuthMethod: 'client_secret_basic',
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    scopeOnRefresh: false,
    extraAuthParams: {},
    usePkce: true,
    // The provider runs on the real time and our sessions on the test's.
    clockSkewSeconds: 0,
    idTokenAlg: 'RS256',
    additionalAuthorizedParties: [],
    discoveryUrl: null,
    userinfoFallback: false,
    useProxy: false,
    caCertPem: null,
    formActionOrigins: [],
    claims: {
      allowedEmailDomains: ['example.com'],
      allowedGroups: [],
      groupsClaim: 'groups',
      emailClaims: ['email'],
      userIdClaim: null,
    },
    timeoutSeconds: 5,
    ...change,
  };
}

export async function openSignInGateway(
  options: SignInGatewayOptions = {},
): Promise<SignInGateway> {
  await using cleanup = new AsyncDisposableStack();
  const idp = cleanup.use(await openTestIdentityProvider());
  const file = cleanup.use(temporaryDatabase());
  const database = cleanup.use(await openSqliteDatabase(file.path));
  const grants = cleanup.use(openSqliteGrantStore(database));
  const [clock, log] = [createTestClock(), createMemoryLog()];
  const keys = sessionKeysFromSecrets(['the-session-secret-of-the-sign-in-tests']);
  const revocations: Revocation[] = [];
  const seen: Person[] = [];
  const oidc = oidcOptions(idp.issuer, options.oidc);
  const audience = SESSION_AUDIENCE;
  const verifier = createSessionVerifier({
    keys: keys.verification,
    issuer: null,
    audience,
    clock,
  });
  const routes = createSignInRoutes({
    publicUrl: null,
    idp: createOidcClient(oidc, clock),
    claims: oidc.claims,
    session: { ttlHours: 1, billingGroupTag: null, refreshAnswerSeconds: 5 },
    grants,
    minter: createSessionMinter({ key: keys.signing, audience, clock }),
    verifier,
    sealer: createSealer(keys.rootSecrets),
    refreshTokens: createRefreshTokens(keys.rootSecrets),
    jwks: keys.jwks,
    revoke: async (revocation) => void revocations.push(revocation),
    seen: async (person) => void seen.push(person),
    clock,
    log,
    rateLimits: {
      deviceAuthorization: { max: 30, windowSeconds: 600 },
      deviceVerify: { max: 10, windowSeconds: 600 },
    },
    loginNotice: null,
    ...options.deps,
  });
  const server = cleanup.use(
    await startHttp(routes, { clock, log, gates: gatesFor(options.trustedProxies ?? []) }),
  );
  const moved = cleanup.move();
  return {
    url: server.url,
    idp,
    clock,
    verifier,
    grants,
    revocations,
    seen,
    lines: log.lines,
    audited: (evt) =>
      log.lines.findLast(({ level, message }) => level === 'audit' && message === evt)?.fields,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}
