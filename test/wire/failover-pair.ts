// Two upstreams that do what the request itself says, in headers that reach them: so any number of
// cases run over one pair of servers at once.

import type { ServerResponse } from 'node:http';
import { createCatalogue } from '#shared/domain/catalogue.ts';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
} from '../support/messages-gateway.ts';
import {
  answers,
  type Behaviour,
  openFakeUpstream,
  pausesAfter,
  refuses,
  resets,
  type SeenRequest,
  staysSilent,
  streams,
} from '../support/upstream.ts';

/** `A` is asked first. */
export type Side = 'A' | 'B';

export interface Case {
  readonly stream?: boolean;
  readonly path?: string;
  readonly first: string;
  readonly second: string;
  /** Default: a model of its own, so that no case hears of another one's failures. */
  readonly model?: string;
}

export interface Told {
  /** 0: the connection broke before there was one. */
  readonly status: number;
  readonly from: Side | 'gateway';
  readonly retryAfter: string | null;
  readonly shouldRetry: string | null;
  readonly body: string;
  readonly requestId: string | null;
  /** How often each was asked. */
  readonly calls: readonly [number, number];
}

export interface FailoverPair extends AsyncDisposable {
  readonly gateway: MessagesGateway;
  ask(one: Case): Promise<Told>;
}

/** Nobody listens there. */
const REFUSED = 'http://127.0.0.1:9';
const MODELS = 1_000;
const RETRY_AFTER: Readonly<Record<Side, string>> = { A: '11', B: '22' };

function behaviourOf(side: Side, what: string, seen: SeenRequest): Behaviour {
  const text = `hello from ${side}`;
  const isStream = /"stream":\s*true/.test(seen.body);
  switch (what) {
    case '200':
      return isStream ? streams({ text }) : answers({ text });
    case 'ttfb':
      return staysSilent;
    case 'dieBefore':
      return resets;
    case 'dieMid':
      return isStream ? pausesAfter(4, dies) : answers({ text });
    case 'dieAfterHeaders':
      return isStream ? pausesAfter(0, dies) : answers({ text });
    case 'overloadedEvent':
      return refuses(200, { 'content-type': 'text/event-stream' }, OVERLOADED_EVENT);
    default: {
      const error = { type: 'some_error', message: `${what} from ${side}` };
      const headers = { 'retry-after': RETRY_AFTER[side], 'x-should-retry': 'true' };
      return refuses(Number(what), headers, { type: 'error', error });
    }
  }
}

export const OVERLOADED_EVENT =
  'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n';

function dies(res: ServerResponse): void {
  setImmediate(() => res.socket?.resetAndDestroy());
}

export async function openFailoverPair(ttfbMs: number): Promise<FailoverPair> {
  const [a, b] = await Promise.all([openFakeUpstream(), openFakeUpstream()]);
  for (const [side, fake] of [
    ['A', a],
    ['B', b],
  ] as const) {
    const obey: Behaviour = (res, seen) => {
      const what = String(seen.headers[side === 'A' ? 'anthropic-first' : 'anthropic-second']);
      return behaviourOf(side, what, seen)(res, seen);
    };
    fake.behave(obey);
    fake.count(obey);
  }
  const ids = Array.from({ length: MODELS }, (_, index) => `case-${index}`);
  const none = { label: null, description: null };
  const gateway = await openMessagesGateway({
    upstreams: [
      refusing(anthropicAt(a.url, 'a'), 'anthropic-first'),
      refusing(anthropicAt(b.url, 'b'), 'anthropic-second'),
    ],
    settings: { ttfbMs },
    catalogue: createCatalogue({
      models: ids.map((id) => ({ id, ...none, upstreamModel: { a: id, b: id } })),
      autoIncludeBuiltinModels: false,
    }),
  });
  let last = 0;
  return {
    gateway,
    async ask({ stream = false, path = '/v1/messages', first, second, model }) {
      last += 1;
      const id = String(last);
      const headers = {
        'anthropic-case': id,
        'anthropic-first': first,
        'anthropic-second': second,
      };
      const body = { model: model ?? `case-${last}`, max_tokens: 64, messages: [], stream };
      const response = await gateway.ask(body, { path, headers });
      const text = await response.text();
      const count = (seen: readonly SeenRequest[]) =>
        seen.filter((one) => one.headers['anthropic-case'] === id).length;
      const calls = [count(a.seen), count(b.seen)] as const;
      return {
        status: response.status,
        from: sideOf(response, text, calls),
        retryAfter: response.headers.get('retry-after'),
        shouldRetry: response.headers.get('x-should-retry'),
        body: text,
        requestId: response.headers.get('x-request-id'),
        calls,
      };
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()]);
    },
  };
}

/** The same, where nobody listens for requests that ask for it. */
function refusing(upstream: Upstream, header: string): Upstream {
  return {
    ...upstream,
    async prepare(request) {
      const own = await upstream.prepare(request);
      return request.headers[header] === 'refused' ? { ...own, origin: REFUSED } : own;
    },
  };
}

function sideOf(
  { status }: Response,
  text: string,
  asked: readonly [number, number],
): Told['from'] {
  const said = /(?:\d+|hello) from (A|B)/.exec(text)?.[1];
  if (said === 'A' || said === 'B') return said;
  if (status >= 400) return 'gateway';
  return asked[1] > 0 ? 'B' : 'A';
}
