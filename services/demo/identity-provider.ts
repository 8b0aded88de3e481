// The demo identity provider: a real OpenID Connect provider on loopback, so that signing in can
// be tried with nothing else on the machine. Not for real people: whoever reaches it is who they
// say.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '#shared/telemetry/log.ts';
import { createOidcServer, type OidcServerOptions } from './oidc-server.ts';
import { DEMO_PEOPLE } from './people.ts';
import { errorPage, pageHeaders, signInPage } from './sign-in-page.ts';

export interface DemoIdentityProviderOptions extends OidcServerOptions {
  /** A loopback address. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where browsers and the gateway find it; default: host and port. */
  readonly issuer?: string;
  readonly log: Log;
  /** Sees every request first; true: it was answered. */
  readonly intercept?: (req: IncomingMessage, res: ServerResponse) => Promise<boolean>;
}

export interface DemoIdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  close(): Promise<void>;
}

export async function openDemoIdentityProvider(
  options: DemoIdentityProviderOptions,
): Promise<DemoIdentityProvider> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const issuer = options.issuer ?? `http://${options.host}:${port}`;
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  const handle = await createHandler(issuer, options).catch(async (caught: unknown) => {
    await close();
    throw caught;
  });
  server.on('request', (req, res) => {
    handle(req, res).catch((error: unknown) => {
      options.log.warn('the demo identity provider failed', { reason: String(error) });
      if (!res.headersSent) res.writeHead(400, pageHeaders(null));
      res.end(errorPage('This sign-in is over. Start again from your device.'));
    });
  });
  return { issuer, close, [Symbol.asyncDispose]: close };
}

async function createHandler(issuer: string, options: DemoIdentityProviderOptions) {
  const provider = await createOidcServer(issuer, options);
  const protocol = provider.callback();
  const people = options.people ?? (() => DEMO_PEOPLE);
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if ((await options.intercept?.(req, res)) === true) return;
    if (!req.url?.startsWith('/sign-in/')) {
      await protocol(req, res);
    } else if (req.method === 'POST') {
      const accountId = new URLSearchParams(await readText(req)).get('person') ?? '';
      // The empty consent is for the rule that native clients never sign in unseen.
      await provider.interactionFinished(req, res, { login: { accountId }, consent: {} });
    } else {
      const { params } = await provider.interactionDetails(req, res);
      res.writeHead(200, pageHeaders(new URL(String(params.redirect_uri)).origin));
      res.end(signInPage(people()));
    }
  };
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8').slice(0, 4096);
}
