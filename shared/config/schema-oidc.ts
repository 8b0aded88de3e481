import type { z } from 'zod';
import {
  field,
  flag,
  listOf,
  mailDomain,
  mapOf,
  oneOf,
  oneOrMore,
  secretText,
  section,
  text,
  textLike,
  webUrl,
  wholeNumber,
} from './field.ts';
import { isCertificatePem, isPrivateKeyPem } from './pem.ts';

const DISCOVERY = 'the URL of the discovery document itself (a path with /.well-known/)';
const SCOPES = "a list of scopes with 'openid' among them, without which there is no ID token";
const CERTIFICATE = 'a certificate in PEM';

const certificatePem = () =>
  field(CERTIFICATE, (value) =>
    typeof value === 'string' && isCertificatePem(value) ? value : undefined,
  );

const origin = () =>
  field('an origin like https://sso.example.com', (value) =>
    typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value
      ? value
      : undefined,
  );

/** The identity provider that people sign in with. */
export const oidcSchema = section({
  /** The issuer, exactly as the provider writes it in its tokens. */
  issuer: issuerUrl(),
  client_id: text(),
  /** Required, unless the client signs assertions (private_key_jwt). */
  client_secret: secretText().optional(),
  /** For private_key_jwt: the key that signs and the certificate that the provider knows. */
  client_assertion: section({
    private_key_pem: secretText('a private key in PEM without a passphrase', 1, isPrivateKeyPem),
    certificate_pem: certificatePem(),
  }).optional(),
  /** How the client proves itself at the token endpoint. Default client_secret_basic. */
  token_endpoint_auth_method: oneOf(
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
  ).default('client_secret_basic'),
  /** Mail domains that may sign in, lower case. Absent or empty: any domain. */
  allowed_email_domains: listOf(mailDomain(), 'a list of mail domains').default([]),
  /** Groups of which a person needs one. Absent or empty: nobody needs any. */
  allowed_groups: listOf(text('a group name that is not empty'), 'a list of groups').default([]),
  /** Claim with a person's groups: a key, or a JSON Pointer when it starts with /. */
  groups_claim: text().default('groups'),
  /** Claims to look for the mail address in, in order; each a key or a JSON Pointer. */
  email_claim: oneOrMore(text(), 'a claim name or a list of them').default(['email']),
  /** Claim that identifies a person in caps and ledger. Absent: `sub`. */
  user_id_claim: text().optional(),
  scopes: listOf(text(), SCOPES, 1)
    .refine((scopes) => scopes.includes('openid'), { error: SCOPES })
    .default(['openid', 'profile', 'email', 'offline_access']),
  /** Send `scope` when refreshing, for providers that need it. Default false. */
  scope_on_refresh: flag().default(false),
  /** More parameters of the authorization request, like `prompt` or `access_type`. */
  extra_auth_params: mapOf(text(), 'a mapping from parameter names to text').default({}),
  /** Ask the userinfo endpoint for claims that the ID token lacks. Default false. */
  userinfo_fallback: flag().default(false),
  /** PKCE (RFC 7636). Default true; false only for a provider that refuses it. */
  use_pkce: flag().default(true),
  /** Seconds that the provider's clock may be off. Default 0. */
  clock_skew_seconds: wholeNumber('seconds', 0, 3600).default(0),
  /** The one algorithm that ID tokens may be signed with. Default RS256. */
  id_token_signed_response_alg: oneOf(
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA',
  ).default('RS256'),
  /** Values of `azp` that are accepted beside client_id. Default none. */
  additional_authorized_parties: listOf(text(), 'a list of client ids').default([]),
  /** The discovery document, where it is not under the issuer. Absent: under the issuer. */
  discovery_url: textLike(/^https?:\/\/[^/\s]+\/\S*\.well-known\//i, DISCOVERY).optional(),
  /** Reach the provider through HTTPS_PROXY. Default false. */
  use_proxy: flag().default(false),
  /** More origins that the sign-in form may lead to (CSP form-action). Default none. */
  form_action_origins: listOf(origin(), 'a list of origins').default([]),
  /** Certificate authority of the provider (PEM). Absent: the system's. */
  ca_cert_pem: certificatePem().optional(),
});

export type OidcConfig = z.output<typeof oidcSchema>;

/** Kept to the letter, trailing slash included: tokens are compared with it. */
function issuerUrl() {
  const url = webUrl('the http:// or https:// URL of the identity provider');
  return field('the http:// or https:// URL of the identity provider', (value) =>
    url.safeParse(value).success ? (value as string) : undefined,
  );
}
