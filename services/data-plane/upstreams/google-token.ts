// Google Cloud's access tokens, for Application Default Credentials or a service account's key.

import { readFile } from 'node:fs/promises';
import { type AuthClient, GoogleAuth, JWT } from 'google-auth-library';
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
  let opening: Promise<AuthClient> | null = null;
  let quotaProject: string | null = null;

  async function fetchToken(): Promise<AccessToken> {
    opening ??= openClient(auth);
    const client = await opening.catch((caught: unknown) => {
      opening = null;
      throw caught;
    });
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

async function openClient(auth: GoogleAuthConfig): Promise<AuthClient> {
  if (auth.kind === 'default') return new GoogleAuth({ scopes: [SCOPE] }).getClient();
  const text = auth.kind === 'key' ? auth.json.reveal() : await readFile(auth.path, 'utf8');
  const client = new JWT({ scopes: [SCOPE] });
  client.fromJSON(JSON.parse(text) as Parameters<JWT['fromJSON']>[0]);
  return client;
}
