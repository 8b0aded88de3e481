// RFC 8414 authorization server metadata, and the public keys of our sessions (RFC 7517).

import { sendJson } from '#shared/http/answer.ts';
import type { Exchange } from '#shared/http/route.ts';
import { publicOrigin } from './origin.ts';
import type { SignInDeps } from './sign-in-deps.ts';

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** `GET /.well-known/oauth-authorization-server`, any method as the reference. */
export function sendMetadata({ req, res }: Exchange, deps: SignInDeps): void {
  const origin = publicOrigin(req, deps.publicUrl);
  sendJson(res, 200, {
    issuer: origin,
    device_authorization_endpoint: `${origin}/oauth/device_authorization`,
    token_endpoint: `${origin}/oauth/token`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    ...(deps.jwks === null ? {} : { jwks_uri: `${origin}/.well-known/jwks.json` }),
    grant_types_supported: [DEVICE_CODE_GRANT, 'refresh_token'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    scopes_supported: ['openid', 'profile', 'email'],
    gateway_protocol_version: 1,
  });
}

/** `GET /.well-known/jwks.json`: empty with HS256, which has nothing to publish. */
export function sendJwks({ res }: Exchange, deps: SignInDeps): void {
  sendJson(res, 200, deps.jwks ?? { keys: [] }, { 'cache-control': 'public, max-age=300' });
}
