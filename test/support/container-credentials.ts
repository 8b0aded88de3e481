// Where a container on AWS gets its role's keys, as AWS's own libraries ask for them; set
// AWS_CONTAINER_CREDENTIALS_FULL_URI to its url.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ContainerCredentials extends AsyncDisposable {
  readonly url: string;
  /** How often keys were asked for. They count up: `ASIA1` with the session `session-1`, … */
  readonly asked: () => number;
  /** What is answered from now on, and until when the keys hold. */
  behave(status: number, expiresAtMs: number): void;
}

export const CONTAINER_SECRET = 'secret-of-a-container';

export async function openContainerCredentials(): Promise<ContainerCredentials> {
  let asked = 0;
  let status = 200;
  let expiresAtMs = 0;
  const server = createServer((_req, res) => {
    asked += 1;
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(
      JSON.stringify({
        AccessKeyId: `ASIA${asked}`,
        SecretAccessKey: CONTAINER_SECRET,
        Token: `session-${asked}`,
        Expiration: new Date(expiresAtMs).toISOString(),
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    asked: () => asked,
    behave(next, until) {
      status = next;
      expiresAtMs = until;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
