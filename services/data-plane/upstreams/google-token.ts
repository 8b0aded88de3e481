// Google Cloud's access tokens, for Application Default Credentials or a service account's key.

import { GoogleAuth } from 'google-auth-library';
import type { GoogleAuthConfig } from '#shared/config/schema-upstreams-cloud.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type AccessToken, createTokenSource, type TokenSource } from './access-token.ts';

const DEFAULT_LIFE_MS = 3_600_000;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

export interface GoogleTokens extends TokenSource {
  /** Whose quota requests count against, where credentials name another project; known with a token. */
  quotaProject(): string | null;
}

export function createGoogleTokens(
  auth: GoogleAuthConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): GoogleTokens {
  const google = new GoogleAuth({ scopes: [SCOPE], ...credentialsOf(auth) });
  let quotaProject: string | null = null;

  async function fetchToken(): Promise<AccessToken> {
    const client = await google.getClient();
    const { token } = await client.getAccessToken();
    if (typeof token !== 'string')
      throw new AppError('unavailable', 'Google gave no access token.');
    quotaProject = client.quotaProjectId ?? null;
    const expiresAtMs = client.credentials.expiry_date ?? clock.now() + DEFAULT_LIFE_MS;
    return { token, expiresAtMs };
  }
  return {
    ...createTokenSource({ issuer: 'Google', fetchToken, clock, log }),
    quotaProject: () => quotaProject,
  };
}

/** What a request to Google's APIs is signed with: name, value, name, value. */
export async function googleCredential(tokens: GoogleTokens): Promise<string[]> {
  const token = await tokens.token();
  const project = tokens.quotaProject();
  const quota = project === null ? [] : ['x-goog-user-project', project];
  return ['authorization', `Bearer ${token}`, ...quota];
}

function credentialsOf(auth: GoogleAuthConfig) {
  switch (auth.kind) {
    case 'default':
      return {};
    case 'key_file':
      return { keyFile: auth.path };
    case 'key':
      return { credentials: JSON.parse(auth.json.reveal()) as Record<string, string> };
  }
}
