// An HTTP/2 relay before the Pub/Sub emulator. The emulator goes on delivering to the streams of a
// process that was killed, for ever: it notices a cancelled stream but not a lost connection. (Six
// killed consumers of one subscription kept 28 of 40 new messages from the living one.) So the relay
// cancels the streams of every connection that is lost.

import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';

export interface Front {
  listen(): Promise<void>;
  /** Refuses connections and cuts those that are open, as a server does that is gone. */
  close(): Promise<void>;
}

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR } = constants;

export function createFront(port: number, upstreamPort: number): Front {
  const sessions = new Set<ServerHttp2Session>();
  let server: Http2Server | null = null;

  function serve(session: ServerHttp2Session): void {
    sessions.add(session);
    const upstream = connect(`http://127.0.0.1:${upstreamPort}`);
    upstream.on('error', () => session.destroy());
    upstream.on('close', () => session.destroy());
    session.on('error', () => {});
    session.on('close', () => {
      sessions.delete(session);
      // Streams are cancelled by their own close, which comes first; then the connection may go.
      setImmediate(() => upstream.close());
    });
    session.on('stream', (stream, headers) => relay(stream, headers, upstream));
  }

  return {
    async listen() {
      const opened = createServer();
      server = opened;
      opened.on('session', serve);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      opened.once('error', reject);
      opened.listen(port, '127.0.0.1', resolve);
      await promise;
    },
    async close() {
      const closing = server;
      server = null;
      if (closing === null) return;
      const closed = new Promise((resolve) => closing.close(resolve));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

function relay(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  upstream: ClientHttp2Session,
): void {
  if (upstream.destroyed || upstream.closed) {
    stream.close(NGHTTP2_CANCEL);
    return;
  }
  const request = upstream.request(headers, { endStream: false });
  let trailers: IncomingHttpHeaders = {};
  stream.on('error', () => {});
  request.on('error', () => {});
  stream.pipe(request);
  request.on('response', (answer, flags) => {
    if (stream.destroyed) return;
    if ((flags & NGHTTP2_FLAG_END_STREAM) !== 0) {
      stream.respond(answer, { endStream: true });
      return;
    }
    stream.respond(answer, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    request.pipe(stream);
  });
  request.on('trailers', (last) => {
    trailers = last;
  });
  request.on('close', () => {
    if (!stream.closed && request.rstCode !== NGHTTP2_NO_ERROR) stream.close(request.rstCode);
  });
  stream.on('close', () => {
    if (!request.closed) request.close(NGHTTP2_CANCEL);
  });
}
