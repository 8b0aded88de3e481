// Where Google gives out access tokens, as google-auth-library asks for them: the metadata server of a
// machine on Google Cloud, and oauth2.googleapis.com behind the proxy that HTTPS_PROXY names (the
// library takes no other address for it).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { makeCertificate } from './certificate.ts';
import { openForwardProxy } from './forward-proxy.ts';

export interface TokenServer extends AsyncDisposable {
  /** host:port. */
  readonly host: string;
  /** What was asked, in order: path and query, or `CONNECT host:port`, or a form. */
  readonly asked: string[];
  /** What is answered from now on: a status, and how long tokens live. Tokens count up from `t1`. */
  behave(status: number, lifeSeconds?: number): void;
}

const TOKEN_HOST = 'oauth2.googleapis.com';

/** GCE's metadata server; set GCE_METADATA_HOST to its host. */
export async function openMetadataServer(): Promise<TokenServer> {
  const giver = createGiver();
  const server = createServer((req, res) => {
    giver.asked.push(req.url ?? '');
    res.setHeader('metadata-flavor', 'Google');
    if (req.url?.includes('/service-accounts/default/token')) giver.give(res);
    else res.writeHead(404).end();
  });
  const host = await listen(server);
  const close = () => closeAll([server]);
  return { host, ...giver, [Symbol.asyncDispose]: close };
}

/** oauth2.googleapis.com, reached by a proxy; set HTTPS_PROXY to `http://` and its host. */
export async function openTokenEndpoint(): Promise<TokenServer> {
  const giver = createGiver();
  const certificate = makeCertificate(TOKEN_HOST);
  setDefaultCACertificates([...getCACertificates('default'), certificate.cert]);
  const google = createTlsServer(certificate, async (req: IncomingMessage, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    giver.asked.push(`${req.method} ${req.url} ${Buffer.concat(chunks).toString()}`);
    giver.give(res);
  });
  const [, port = ''] = (await listen(google)).split(':');
  const proxy = await openForwardProxy(Number(port), (host) => {
    giver.asked.push(`CONNECT ${host}`);
  });
  return {
    host: new URL(proxy.url).host,
    ...giver,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await closeAll([google]);
    },
  };
}

function createGiver() {
  const asked: string[] = [];
  let status = 200;
  let life = 3599;
  let given = 0;
  return {
    asked,
    behave(next: number, lifeSeconds = 3599) {
      status = next;
      life = lifeSeconds;
    },
    give(res: ServerResponse) {
      if (status === 200) given += 1;
      const token = { access_token: `t${given}`, expires_in: life, token_type: 'Bearer' };
      const body = status === 200 ? token : { error: 'invalid_grant', error_description: 'no' };
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(body));
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}
