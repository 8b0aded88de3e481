// Connections to upstreams: one pool for each origin, without a ceiling (a stream holds its connection),
// one request at a time on each. HTTPS_PROXY and NO_PROXY are honoured, except for this machine itself.

import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';

export interface Connections extends AsyncDisposable {
  /** The dispatcher for an origin (scheme, host and port). */
  to(origin: string): Dispatcher;
}

/** Longer than any silence between two pings of a stream. */
const BODY_TIMEOUT_MS = 600_000;
const OPTIONS = {
  pipelining: 1,
  // Bodies must be stoppable chunk by chunk, and a broken stream must not take others with it.
  allowH2: false,
  // Time to first byte is the attempt's own timer.
  headersTimeout: 0,
  bodyTimeout: BODY_TIMEOUT_MS,
  keepAliveTimeout: 55_000,
  connectTimeout: 10_000,
};
const THIS_MACHINE = /^https?:\/\/(localhost|127\.[\d.]+|\[::1\])(:|$)/;

export function openConnections(): Connections {
  const direct = new Agent(OPTIONS);
  const outward = new EnvHttpProxyAgent(OPTIONS);
  return {
    to: (origin) => (THIS_MACHINE.test(origin) ? direct : outward),
    async [Symbol.asyncDispose]() {
      await Promise.all([direct.destroy(), outward.destroy()]);
    },
  };
}
