// The IdP as the rest of sign-in sees it: OpenID Connect's code flow with PKCE, and refreshing.

import * as oidc from 'openid-client';
import type { Clock } from '#shared/domain/clock.ts';
import { type Claims, lacksClaims } from './claims.ts';
import { type IdpFault, idpFault } from './idp-fault.ts';
import { createOidcDiscovery } from './oidc-discovery.ts';
import type { OidcOptions } from './oidc-options.ts';

/** Verified claims, or what came instead. */
export type IdpAnswer =
  | {
      readonly outcome: 'claims';
      readonly claims: Claims;
      readonly userinfo: Claims | null;
      /** The IdP's own; null when it gave none. */
      readonly refreshToken: string | null;
    }
  | IdpFault;

export interface AuthorizationRequest {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

export interface OidcClient {
  /** Where to send the browser. Throws when the IdP was never reached. */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>;
  /** Origins that the sign-in form leads to; the issuer's while the IdP was never reached. */
  formActionOrigins(): Promise<readonly string[]>;
  /** Trades the code in the callback's query for claims. */
  exchange(query: URLSearchParams, request: AuthorizationRequest): Promise<IdpAnswer>;
  /** Asks with the IdP's refresh token; `sub` is the IdP's subject that it was given for. */
  refresh(refreshToken: string, sub: string): Promise<IdpAnswer>;
  /** Null when the IdP can be used, else one sentence for the operator. */
  check(): Promise<string | null>;
}

export function createOidcClient(options: OidcOptions, clock: Clock): OidcClient {
  const discovery = createOidcDiscovery(options, clock);
  return {
    async authorizationUrl({ redirectUri, state, nonce, codeVerifier }) {
      const config = await discovery.get();
      return oidc.buildAuthorizationUrl(config, {
        ...options.extraAuthParams,
        scope: options.scopes.join(' '),
        response_type: 'code',
        redirect_uri: redirectUri,
        state,
        nonce,
        response_mode: 'query',
        ...(options.usePkce
          ? {
              code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
              code_challenge_method: 'S256',
            }
          : {}),
      });
    },
    async formActionOrigins() {
      const config = discovery.known() ?? (await discovery.get().catch(() => null));
      const endpoint = config?.serverMetadata().authorization_endpoint ?? options.issuer;
      return [new URL(endpoint).origin, ...options.formActionOrigins];
    },
    async exchange(query, request) {
      return answer(async () => {
        const config = await discovery.get();
        const tokens = await oidc.authorizationCodeGrant(
          config,
          new URL(`${request.redirectUri}?${query}`),
          {
            expectedState: request.state,
            expectedNonce: request.nonce,
            idTokenExpected: true,
            ...(options.usePkce ? { pkceCodeVerifier: request.codeVerifier } : {}),
          },
        );
        return readTokens(config, tokens, options, null);
      });
    },
    async refresh(refreshToken, sub) {
      return answer(async () => {
        const config = await discovery.get();
        const scope: Record<string, string> = options.scopeOnRefresh
          ? { scope: options.scopes.join(' ') }
          : {};
        const tokens = await oidc.refreshTokenGrant(config, refreshToken, scope);
        return readTokens(config, tokens, options, sub);
      });
    },
    check: discovery.check,
  };
}

async function answer(ask: () => Promise<IdpAnswer>): Promise<IdpAnswer> {
  try {
    return await ask();
  } catch (error) {
    return idpFault(error);
  }
}

type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

/** `sub` is the subject a refresh is for; null while nobody knows it. */
async function readTokens(
  config: oidc.Configuration,
  tokens: Tokens,
  options: OidcOptions,
  sub: string | null,
): Promise<IdpAnswer> {
  const refreshToken = tokens.refresh_token ?? null;
  const idToken = tokens.claims();
  if (idToken !== undefined && !isAuthorizedParty(idToken.azp, options)) {
    return { outcome: 'refused', detail: 'the id_token was issued to another party (azp)' };
  }
  const expected = idToken === undefined ? sub : oidc.skipSubjectCheck;
  const ask = options.userinfoFallback && (!idToken || lacksClaims(idToken, options.claims));
  if (idToken !== undefined && !ask) {
    return { outcome: 'claims', claims: idToken, userinfo: null, refreshToken };
  }
  if (!ask || expected === null) return { outcome: 'refused', detail: 'the IdP sent no id_token' };
  try {
    const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, expected);
    const claims = idToken ?? userinfo;
    return { outcome: 'claims', claims, userinfo: idToken ? userinfo : null, refreshToken };
  } catch (error) {
    return { ...idpFault(error), ...(refreshToken === null ? {} : { refreshToken }) };
  }
}

function isAuthorizedParty(azp: unknown, options: OidcOptions): boolean {
  return (
    azp === undefined ||
    azp === options.clientId ||
    options.additionalAuthorizedParties.some((party) => party === azp)
  );
}
