// oidc-provider set up for the demo: one confidential client, three people, everything in memory.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Configuration, interactionPolicy } from 'oidc-provider';
import { importOidcProvider } from './import-oidc-provider.ts';
import { createMemoryAdapter } from './memory-adapter.ts';
import { DEMO_PEOPLE, type DemoPerson } from './people.ts';
import { errorPage, pageHeaders } from './sign-in-page.ts';

export interface OidcServerOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Loopback redirect URIs; their port does not matter (RFC 8252 §7.3). */
  readonly redirectUris: readonly string[];
  /**
   * Read at every sign-in and refresh, so that a change takes effect. Default: the demo's three.
   */
  readonly people?: () => readonly DemoPerson[];
}

const HOUR = 3600;

export async function createOidcServer(issuer: string, options: OidcServerOptions) {
  const { default: Provider, interactionPolicy: policy } = await importOidcProvider();
  const provider = new Provider(issuer, configuration(options, alwaysAsk(policy)));
  // Errors reach the browser as a page or the client as JSON; nothing is left to log.
  provider.on('server_error', () => {});
  return provider;
}

/** Somebody who demonstrates wants to pick a person every time, so no session signs in silently. */
function alwaysAsk(policy: typeof interactionPolicy): interactionPolicy.DefaultPolicy {
  const prompts = policy.base();
  const askAgain = new policy.Check('pick_person', 'pick a person', 'login_required', (ctx) =>
    ctx.oidc.result?.login === undefined
      ? policy.Check.REQUEST_PROMPT
      : policy.Check.NO_NEED_TO_PROMPT,
  );
  prompts.get('login')?.checks.add(askAgain);
  return prompts;
}

function configuration(
  options: OidcServerOptions,
  policy: interactionPolicy.DefaultPolicy,
): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const people = options.people ?? (() => DEMO_PEOPLE);
  return {
    adapter: createMemoryAdapter(),
    clients: [
      {
        client_id: options.clientId,
        client_secret: options.clientSecret,
        application_type: 'native',
        redirect_uris: [...options.redirectUris],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'demo', use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups'],
    },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { policy, url: (_ctx, { uid }) => `/sign-in/${uid}` },
    findAccount: (_ctx, sub) => account(people(), sub),
    issueRefreshToken: async () => true,
    loadExistingGrant: consentToAll,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    ttl: {
      AccessToken: HOUR,
      IdToken: HOUR,
      Grant: 14 * 24 * HOUR,
      RefreshToken: 14 * 24 * HOUR,
      Session: HOUR,
      Interaction: 600,
    },
    async renderError(ctx, { error, error_description: description }) {
      ctx.set(pageHeaders(null));
      ctx.body = errorPage(description ?? error);
    },
  };
}

function account(people: readonly DemoPerson[], sub: string) {
  const person = people.find((candidate) => candidate.sub === sub);
  if (person === undefined) return undefined;
  const { name, email, emailVerified, groups } = person;
  const claims = { sub, name, email, email_verified: emailVerified, groups: [...groups] };
  return { accountId: sub, claims: async () => claims };
}

/** Nobody is asked for consent: the client is the organization's own. */
const consentToAll: Configuration['loadExistingGrant'] = async (ctx) => {
  const { client, session, provider } = ctx.oidc;
  if (client === undefined || session?.accountId === undefined) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid profile email offline_access');
  await grant.save();
  return grant;
};
