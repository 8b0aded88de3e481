import type { ClaimRules } from './claims.ts';

/**
 * How we are registered with the identity provider. One field per key of `oidc` in gateway.yaml.
 */
export interface OidcOptions {
  /** As the provider writes it in its tokens. http only on loopback. */
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client, or one that signs assertions. */
  readonly clientSecret: string | null;
  /** For private_key_jwt (RFC 7523). */
  readonly clientAssertion: {
    readonly privateKeyPem: string;
    readonly certificatePem: string;
  } | null;
  readonly tokenEndpointAuthMethod:
    | 'client_secret_basic'
    | 'client_secret_post'
    | 'private_key_jwt';
  readonly scopes: readonly string[];
  /** Send `scope` when refreshing too. */
  readonly scopeOnRefresh: boolean;
  readonly extraAuthParams: Readonly<Record<string, string>>;
  readonly usePkce: boolean;
  readonly clockSkewSeconds: number;
  readonly idTokenAlg: string;
  readonly additionalAuthorizedParties: readonly string[];
  /** The discovery document where it is not under the issuer. */
  readonly discoveryUrl: string | null;
  /** Ask userinfo for what the ID token lacks. */
  readonly userinfoFallback: boolean;
  /** Reach the provider through HTTPS_PROXY and NO_PROXY. */
  readonly useProxy: boolean;
  readonly caCertPem: string | null;
  /** More origins that the sign-in form may lead to. */
  readonly formActionOrigins: readonly string[];
  readonly claims: ClaimRules;
  /** For one call to the provider; also what a refresh waits at most. */
  readonly timeoutSeconds: number;
}
