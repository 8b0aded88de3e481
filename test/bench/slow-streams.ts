// The clients of `bench:streams`: each holds one stream open and knows how long it has waited between
// two pieces of it.

import { Agent, type ClientRequest, request } from 'node:http';

export interface SlowStream {
  /** Milliseconds between two pieces since the last `resetGaps`, at worst. */
  readonly worstGapMs: number;
  resetGaps(): void;
  abort(): void;
  /** All of it came; rejects when it was cut. */
  readonly ended: Promise<string>;
}

export interface SlowStreamOptions {
  readonly url: string;
  readonly token: string;
  readonly body: string;
}

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });

/** Resolves with the first piece. */
export function openSlowStream({ url, token, body }: SlowStreamOptions): Promise<SlowStream> {
  const { promise, resolve, reject } = Promise.withResolvers<SlowStream>();
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  const asking = request(`${url}/v1/messages`, { agent, method: 'POST', headers });
  asking.once('error', reject);
  asking.once('response', (response) => {
    response.once('data', () => {
      if (response.statusCode === 200) resolve(stream);
      else reject(new Error(`status ${response.statusCode}`));
    });
    const stream = follow(asking, response);
  });
  asking.end(body);
  return promise;
}

function follow(asking: ClientRequest, response: NodeJS.ReadableStream): SlowStream {
  const ended = Promise.withResolvers<string>();
  ended.promise.catch(() => undefined);
  let lastAtMs = performance.now();
  let worstGapMs = 0;
  let tail = '';
  const touch = (): void => {
    const nowMs = performance.now();
    worstGapMs = Math.max(worstGapMs, nowMs - lastAtMs);
    lastAtMs = nowMs;
  };
  response.on('data', (chunk: Buffer) => {
    touch();
    tail = (tail + chunk.toString()).slice(-200);
  });
  response.once('end', () => ended.resolve(tail));
  response.once('error', ended.reject);
  return {
    get worstGapMs() {
      return Math.max(worstGapMs, performance.now() - lastAtMs);
    },
    resetGaps() {
      worstGapMs = 0;
      lastAtMs = performance.now();
    },
    abort: () => void asking.destroy(),
    ended: ended.promise,
  };
}
