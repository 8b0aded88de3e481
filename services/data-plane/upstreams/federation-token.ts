// Anthropic's workload identity federation (RFC 7523): a token that the platform gives this workload is
// exchanged for a short-lived one of Anthropic's. The platform renews its file at any time, so it is
// read anew for each exchange.

import { readFile } from 'node:fs/promises';
import { request } from 'undici';
import type { FederationAuth } from '#shared/config/anthropic-auth.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { openConnections } from '../connections.ts';
import { parseJson } from '../meter.ts';
import { isObject } from '../usage-counts.ts';
import { type AccessToken, createTokenSource, type TokenSource } from './access-token.ts';

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const BETAS = 'oauth-2025-04-20,oidc-federation-2026-04-01';
/** Anthropic's tokens may live for no more than ten minutes. */
const REFRESH_AHEAD_MS = 120_000;
const WAIT_MS = 10_000;

export interface FederationOptions {
  /** Of the upstream, without a slash at its end. */
  readonly baseUrl: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

export function createFederatedTokens(
  auth: FederationAuth,
  { baseUrl, version, clock, log }: FederationOptions,
): TokenSource {
  const url = new URL(`${baseUrl}/v1/oauth/token`);
  const headers = {
    'content-type': 'application/json',
    'anthropic-beta': BETAS,
    'user-agent': `tallygate/${version}`,
  };
  return createTokenSource({
    issuer: 'Anthropic',
    refreshAheadMs: REFRESH_AHEAD_MS,
    async fetchToken() {
      const assertion = (await readFile(auth.identityTokenFile, 'utf8')).trim();
      if (assertion === '') throw new AppError('unavailable', 'identity_token_file is empty');
      const body = JSON.stringify({
        grant_type: GRANT_TYPE,
        assertion,
        federation_rule_id: auth.ruleId,
        organization_id: auth.organizationId,
        service_account_id: auth.serviceAccountId,
        workspace_id: auth.workspaceId,
      });
      // Once in minutes: connections of its own cost nothing, and go by the proxy like all others.
      await using connections = openConnections();
      const signal = AbortSignal.timeout(WAIT_MS);
      const dispatcher = connections.to(url.origin);
      const answer = await request(url, { method: 'POST', headers, body, signal, dispatcher });
      return readToken(answer.statusCode, await answer.body.text(), clock.now());
    },
    clock,
    log,
  });
}

/** RFC 6749 §5.1 and §5.2. Of an answer only its error's name is told: the rest may hold a token. */
function readToken(status: number, text: string, nowMs: number): AccessToken {
  const answer = parseJson(text);
  const { access_token: token, expires_in: seconds, error } = isObject(answer) ? answer : {};
  if (status === 200 && typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) {
    const life = Number(seconds);
    if (life > 0) return { token, expiresAtMs: nowMs + life * 1000 };
  }
  const name = isObject(error) ? error['type'] : error;
  const detail = typeof name === 'string' ? ` ${name.slice(0, 100)}` : '';
  throw new AppError('unavailable', `the token endpoint answered ${status}${detail}`);
}
