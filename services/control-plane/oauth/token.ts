// The token endpoint (RFC 6749 §3.2): what all grants share, then the grant itself. No
// error_description and no Retry-After here, as the clients in the field expect.

import { AppError } from '#shared/errors/app-error.ts';
import { sendJson } from '#shared/http/answer.ts';
import { readForm } from '#shared/http/body.ts';
import type { Exchange } from '#shared/http/route.ts';
import { grantDeviceCode } from './grant-device-code.ts';
import { createRefreshGrant } from './grant-refresh-token.ts';
import { DEVICE_CODE_GRANT } from './metadata.ts';
import { NO_STORE } from './no-store.ts';
import type { SignInDeps } from './sign-in-deps.ts';
import { refuseToken, type TokenAnswer } from './token-answer.ts';

/** `POST /oauth/token`. */
export function createTokenEndpoint(deps: SignInDeps): (exchange: Exchange) => Promise<void> {
  const grantRefreshToken = createRefreshGrant(deps);

  async function answer(exchange: Exchange): Promise<TokenAnswer> {
    const form = await readTokenForm(exchange);
    if (form === null) return refuseToken('invalid_request');
    switch (form.get('grant_type')) {
      case DEVICE_CODE_GRANT:
        return grantDeviceCode(form.get('device_code'), exchange, deps);
      case 'refresh_token':
        return grantRefreshToken(form.get('refresh_token'), exchange);
      default:
        return refuseToken('unsupported_grant_type');
    }
  }

  return async (exchange) => {
    const { status, body } = await answer(exchange);
    sendJson(exchange.res, status, body, NO_STORE);
  };
}

/** Null for a body that is no form. */
async function readTokenForm({ req }: Exchange): Promise<Pick<URLSearchParams, 'get'> | null> {
  try {
    return await readForm(req);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_request') return null;
    throw error;
  }
}
