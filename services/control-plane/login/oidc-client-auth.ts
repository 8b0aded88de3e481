// How we prove ourselves at the IdP's token endpoint.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { importPKCS8 } from 'jose';
import * as oidc from 'openid-client';
import type { OidcOptions } from './oidc-options.ts';

const ASSERTION_SECONDS = 300;

/**
 * The client authentication that the options ask for. `tokenEndpoint` is read when an assertion is
 * signed, for it is its audience (RFC 7523 §3).
 */
export async function createClientAuth(
  options: OidcOptions,
  tokenEndpoint: () => string,
): Promise<oidc.ClientAuth> {
  const { clientSecret, clientAssertion, tokenEndpointAuthMethod } = options;
  if (tokenEndpointAuthMethod === 'private_key_jwt' && clientAssertion !== null) {
    return signedAssertion(clientAssertion, tokenEndpoint);
  }
  if (clientSecret === null) return oidc.None();
  return tokenEndpointAuthMethod === 'client_secret_post'
    ? oidc.ClientSecretPost(clientSecret)
    : oidc.ClientSecretBasic(clientSecret);
}

async function signedAssertion(
  keys: { readonly privateKeyPem: string; readonly certificatePem: string },
  tokenEndpoint: () => string,
): Promise<oidc.ClientAuth> {
  const pem = createPrivateKey(keys.privateKeyPem).export({ format: 'pem', type: 'pkcs8' });
  const key = await importPKCS8(pem.toString(), 'RS256');
  const der = new X509Certificate(keys.certificatePem).raw;
  const thumbprint = (hash: string) => createHash(hash).update(der).digest('base64url');
  const names = { typ: 'JWT', x5t: thumbprint('sha1'), 'x5t#S256': thumbprint('sha256') };
  return oidc.PrivateKeyJwt(key, {
    [oidc.modifyAssertion](header, payload) {
      Object.assign(header, names);
      payload.aud = tokenEndpoint();
      payload.exp = Number(payload.iat) + ASSERTION_SECONDS;
    },
  });
}
