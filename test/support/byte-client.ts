// A client that keeps bytes: what was answered, as it came, with node's own header names and values.

import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { TEST_TOKEN } from './http.ts';

export interface ByteAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ByteClient extends Disposable {
  post(body: Buffer | string, headers?: Readonly<Record<string, string>>): Promise<ByteAnswer>;
}

/** POST /v1/messages of the gateway at this port, over connections that are kept alive. */
export function openByteClient(port: number): ByteClient {
  const agent = new Agent({ keepAlive: true });
  return {
    post(body, headers = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<ByteAnswer>();
      const asking = request({
        ...{ agent, host: '127.0.0.1', port, method: 'POST', path: '/v1/messages' },
        headers: {
          authorization: `Bearer ${TEST_TOKEN}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...headers,
        },
      });
      asking.once('error', reject);
      asking.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      });
      asking.end(body);
      return promise;
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}
