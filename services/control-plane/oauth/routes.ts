// Sign-in, as a table of contents.

import type { Exchange, Route } from '#shared/http/route.ts';
import { finishLogin } from '../login/callback.ts';
import { authorizeDevice } from './device-authorization.ts';
import { sendJwks, sendMetadata } from './metadata.ts';
import { pageOnFailure } from './page-on-failure.ts';
import { revokeToken } from './revocation.ts';
import type { SignInDeps } from './sign-in-deps.ts';
import { createTokenEndpoint } from './token.ts';
import { denyDevice, showDevicePage, submitDevicePage } from './verification.ts';

type Handle = (exchange: Exchange) => void | Promise<void>;

/** Every route of sign-in: all public, none needs a session. */
export function createSignInRoutes(deps: SignInDeps): Route[] {
  const page = (handle: (exchange: Exchange, deps: SignInDeps) => Promise<void>): Handle =>
    pageOnFailure((exchange) => handle(exchange, deps), deps.log);
  const oauth = { access: 'public', envelope: 'oauth' } as const;
  const html = { access: 'public' } as const;
  return [
    {
      ...oauth,
      path: '/.well-known/oauth-authorization-server',
      methods: 'any',
      handle: (exchange: Exchange) => sendMetadata(exchange, deps),
    },
    {
      ...oauth,
      path: '/.well-known/jwks.json',
      methods: ['GET', 'HEAD'],
      handle: (exchange: Exchange) => sendJwks(exchange, deps),
    },
    {
      ...oauth,
      path: '/oauth/device_authorization',
      methods: ['POST'],
      handle: (exchange: Exchange) => authorizeDevice(exchange, deps),
    },
    { ...oauth, path: '/oauth/token', methods: ['POST'], handle: createTokenEndpoint(deps) },
    {
      ...oauth,
      path: '/oauth/revoke',
      methods: ['POST'],
      handle: (exchange: Exchange) => revokeToken(exchange, deps),
    },
    { ...html, path: '/device', methods: ['GET'], handle: page(showDevicePage) },
    { ...html, path: '/device', methods: ['POST'], handle: page(submitDevicePage) },
    { ...html, path: '/device/deny', methods: ['POST'], handle: page(denyDevice) },
    { ...html, path: '/oauth/callback', methods: ['GET', 'POST'], handle: page(finishLogin) },
  ];
}
