// A forward proxy (CONNECT) that takes every tunnel to one TLS server of the test's, whatever host it is
// for, and keeps what it was asked.

import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ForwardProxy extends AsyncDisposable {
  readonly url: string;
  /** host:port of every tunnel, in order. */
  readonly asked: string[];
}

export async function openForwardProxy(
  targetPort: number,
  onTunnel: (host: string) => void = () => undefined,
): Promise<ForwardProxy> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((_req, res) => void res.writeHead(405).end());
  server.on('connect', (req, client: Socket) => {
    asked.push(req.url ?? '');
    onTunnel(req.url ?? '');
    const tunnel = connect(targetPort, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(tunnel).pipe(client);
    });
    for (const socket of [client, tunnel]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
