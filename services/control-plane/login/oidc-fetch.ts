// How we reach the identity provider: by its own certificate authority, or through a proxy.

import { rootCertificates } from 'node:tls';
import type { CustomFetch } from 'openid-client';
import { Agent, EnvHttpProxyAgent, fetch } from 'undici';
import type { OidcOptions } from './oidc-options.ts';

/** Null where Node's own fetch does. */
export function createOidcFetch(
  options: Pick<OidcOptions, 'caCertPem' | 'useProxy'>,
): CustomFetch | null {
  const { caCertPem, useProxy } = options;
  if (caCertPem === null && !useProxy) return null;
  const tls = caCertPem === null ? {} : { ca: [...rootCertificates, caCertPem] };
  const dispatcher = useProxy
    ? new EnvHttpProxyAgent({ connect: tls, requestTls: tls })
    : new Agent({ connect: tls });
  return async (url, { body, method, headers, redirect, signal }) =>
    (await fetch(url, {
      method,
      headers,
      redirect,
      dispatcher,
      ...(body === undefined ? {} : { body: body instanceof URLSearchParams ? `${body}` : body }),
      ...(signal === undefined ? {} : { signal }),
    })) as unknown as Response;
}
