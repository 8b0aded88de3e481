// An OTLP/HTTP collector as somebody else runs it: keeps what it is sent, answers what it is told
// to.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { createInbox, type Inbox } from './inbox.ts';

export interface CollectedExport {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: Buffer;
  /** What the content encoding hid. */
  readonly decoded: Buffer;
}

export interface Collector extends AsyncDisposable {
  /** Base URL, without `/v1/<signal>`. */
  readonly url: string;
  readonly exports: Inbox<CollectedExport>;
}

export type CollectorAnswer = {
  readonly status: number;
  readonly headers?: Record<string, string>;
};

/** @param answer for each export; a promise that is never settled is a collector that hangs */
export async function openCollector(
  answer: (received: CollectedExport) => CollectorAnswer | Promise<CollectorAnswer> = () => {
    return { status: 200 };
  },
): Promise<Collector> {
  const exports = createInbox<CollectedExport>();
  const server = createServer((req, res) => {
    const collect = async () => {
      const raw = await buffer(req);
      const decoded = req.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      const received = { path: req.url ?? '', headers: req.headers, raw, decoded };
      exports.put(received);
      const { status, headers = {} } = await answer(received);
      res.writeHead(status, headers).end();
    };
    collect().catch((err: unknown) => res.destroy(err instanceof Error ? err : undefined));
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    exports,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
