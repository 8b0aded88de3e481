// The IdP's metadata (OpenID Connect Discovery 1.0), read when it is first needed and kept: an
// IdP that is slow or away while we boot costs nobody but those who sign in meanwhile. A failure
// is not remembered, the next need asks again; a document of a day ago is renewed and kept until
// it is.

import * as oidc from 'openid-client';
import type { Clock } from '#shared/domain/clock.ts';
import { networkDetail, responseStatus } from './idp-fault.ts';
import { createClientAuth } from './oidc-client-auth.ts';
import { createOidcFetch } from './oidc-fetch.ts';
import type { OidcOptions } from './oidc-options.ts';

const RENEW_AFTER_MS = 24 * 3_600_000;
/** Names under `.localhost` are this machine too (RFC 6761 §6.3). */
const LOOPBACK = /^((.+\.)?localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export interface OidcDiscovery {
  /** The configured client; asks the IdP the first time. Throws what openid-client throws. */
  get(): Promise<oidc.Configuration>;
  /** What is known without asking. */
  known(): oidc.Configuration | null;
  /** Null when all is well, else one sentence for the operator. Never throws. */
  check(): Promise<string | null>;
}

export function createOidcDiscovery(options: OidcOptions, clock: Clock): OidcDiscovery {
  let found: { config: oidc.Configuration; atMs: number } | null = null;
  let asking: Promise<oidc.Configuration> | null = null;

  function ask(): Promise<oidc.Configuration> {
    asking ??= discover(options)
      .then((config) => {
        found = { config, atMs: clock.now() };
        return config;
      })
      .finally(() => {
        asking = null;
      });
    return asking;
  }

  async function get(): Promise<oidc.Configuration> {
    if (found === null) return ask();
    if (clock.now() - found.atMs > RENEW_AFTER_MS) {
      const { config } = found;
      return ask().catch(() => config);
    }
    return found.config;
  }

  return {
    get,
    known: () => found?.config ?? null,
    async check() {
      try {
        await get();
        return null;
      } catch (error) {
        return discoverySentence(error, options);
      }
    },
  };
}

async function discover(options: OidcOptions): Promise<oidc.Configuration> {
  const customFetch = createOidcFetch(options);
  const insecure = isLoopbackHttp(options.issuer) ? [oidc.allowInsecureRequests] : [];
  let tokenEndpoint = '';
  const auth = await createClientAuth(options, () => tokenEndpoint);
  const config = await oidc.discovery(
    new URL(options.discoveryUrl ?? options.issuer),
    options.clientId,
    {
      id_token_signed_response_alg: options.idTokenAlg,
      [oidc.clockTolerance]: options.clockSkewSeconds,
    },
    auth,
    {
      timeout: options.timeoutSeconds,
      // The library trusts TLS and skips the signature; a proxy on the way makes that too little.
      execute: [...insecure, oidc.enableNonRepudiationChecks],
      ...(customFetch === null ? {} : { [oidc.customFetch]: customFetch }),
    },
  );
  const metadata = config.serverMetadata();
  if (options.discoveryUrl !== null && metadata.issuer !== options.issuer) {
    throw new WrongIssuer(metadata.issuer);
  }
  if (metadata.authorization_endpoint === undefined || metadata.token_endpoint === undefined) {
    throw new TypeError('the discovery document names no authorization or token endpoint');
  }
  tokenEndpoint = metadata.token_endpoint;
  return config;
}

class WrongIssuer extends Error {
  readonly actual: string;
  constructor(actual: string) {
    super('wrong issuer');
    this.actual = actual;
  }
}

/** What an operator should do about a discovery that failed. */
function discoverySentence(error: unknown, { issuer, discoveryUrl }: OidcOptions): string {
  const where = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const actual = actualIssuer(error);
  if (actual !== null) {
    return (
      `oidc.issuer is ${issuer}, but the provider there calls itself ${actual}: ` +
      'write the issuer to the letter as the provider does.'
    );
  }
  if (!(error instanceof Error)) return `The identity provider ${issuer} cannot be used.`;
  if ('code' in error && error.code === 'OAUTH_HTTP_REQUEST_FORBIDDEN') {
    return `oidc.issuer is ${issuer}: write https, plain http is only for loopback addresses.`;
  }
  const status = responseStatus(error.cause);
  if (status !== null) {
    return (
      `The identity provider answered HTTP ${status} at ${where}: ` +
      'check oidc.issuer, or set oidc.discovery_url.'
    );
  }
  return (
    `The identity provider cannot be reached at ${where} (${networkDetail(error)}): check ` +
    'oidc.issuer and the way from the gateway to it. Nobody can sign in until it answers.'
  );
}

function actualIssuer(error: unknown): string | null {
  if (error instanceof WrongIssuer) return error.actual;
  if (!(error instanceof oidc.ClientError) || typeof error.cause !== 'object') return null;
  const { body } = (error.cause ?? {}) as { body?: { issuer?: unknown } };
  return typeof body?.issuer === 'string' ? body.issuer : null;
}

function isLoopbackHttp(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer);
  return protocol === 'http:' && LOOPBACK.test(hostname);
}
