// Headers and bodies towards Anthropic's API, and its headers back, as the reference passed them
// (capture 02b; its gateway had a billing group tag), replayed over HTTP.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { describe, test } from 'node:test';
import { TEST_TOKEN } from '../support/http.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
} from '../support/messages-gateway.ts';
import { answerEvents, type Behaviour, openFakeUpstream } from '../support/upstream.ts';

type Headers = Record<string, string>;
interface RequestRow {
  name: string;
  kind: 'request';
  request: { path: string; headers: Headers; body: unknown };
  response: { status: number; headers: Headers };
  saw: { url: string; headers: Headers; body: unknown };
  audit?: Record<string, unknown>;
}
interface AgentRow {
  kind: 'agent';
  client?: string | null;
  upstream: string;
}
interface SparseRow {
  name: string;
  kind: 'sparse';
  saw: Headers;
}
interface BodyRow {
  name: string;
  kind: 'body';
  body: string;
  upstream: string | null;
  identical: boolean | null;
  status: number;
}
interface ResponseRow {
  name: string;
  kind: 'response';
  stream: boolean;
  upstream: { status: number; headers: Headers };
  client: { status: number; headers: Headers };
}
type Row = RequestRow | AgentRow | SparseRow | BodyRow | ResponseRow;

const file = new URL('captures/02b-headers.jsonl', import.meta.url);
const rows = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);

async function openWorld(behaviour?: Behaviour) {
  const upstream = await openFakeUpstream();
  if (behaviour !== undefined) upstream.behave(behaviour);
  const gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstream.url)],
    settings: { billingGroupTag: 'proj' },
  });
  return {
    ...{ upstream, gateway },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Sends exactly these headers, which fetch would not. */
function ask(
  { port }: MessagesGateway,
  path: string,
  headers: Headers,
  body: Buffer,
): Promise<Told> {
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  const req = httpRequest({
    ...{ host: '127.0.0.1', port, path, method: 'POST' },
    headers: { authorization: `Bearer ${TEST_TOKEN}`, ...headers, 'content-length': body.length },
  });
  req.on('response', (res) => {
    res.resume();
    res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers }));
  });
  req.on('error', reject);
  req.end(body);
  return promise;
}

const ours = (text: string) => text.replace('cc-gateway/2.1.330', 'tallygate/0.0.0-test');
const OF_HTTP = /^(connection|host|content-length)$/;

/** Passed by us and not by the reference: Anthropic's own, and the trace that the request is part of. */
const ALSO_PASSED: readonly string[] = [
  'anthropic-dangerous-direct-browser-access',
  'anthropic-unknown',
  'traceparent',
  'tracestate',
];
/** What the upstream is told in other words. */
const OWN_VALUES: Readonly<Record<string, string>> = {
  // The meter reads the bytes that the client gets.
  'accept-encoding': 'identity',
  'x-api-key': 'key-of-a',
};
/** The reference's HTTP client adds it. */
const NOT_SENT = { accept: '*/*', 'anthropic-beta': '' };

function expectedHeaders(saw: Headers, client: Headers): Headers {
  const kept = Object.entries(saw).filter(
    ([name, value]) => !Object.entries(NOT_SENT).some(([n, v]) => n === name && v === value),
  );
  const also = ALSO_PASSED.filter((name) => name in client);
  return {
    'content-type': 'application/json',
    ...Object.fromEntries(kept.map(([name, value]) => [name, ours(value)])),
    ...Object.fromEntries(also.map((name) => [name, client[name] ?? ''])),
    ...OWN_VALUES,
  };
}

function endToEnd(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_HTTP.test(name)));
}

describe('what Anthropic’s API is asked', () => {
  for (const row of rows) {
    if (row.kind !== 'request') continue;
    test(row.name, async () => {
      await using world = await openWorld();
      const { path, headers, body } = row.request;
      const told = await ask(world.gateway, path, headers, Buffer.from(JSON.stringify(body)));
      const [seen] = world.upstream.seen;
      assert.equal(told.status, row.response.status);
      assert.equal(seen?.path, row.saw.url);
      assert.deepEqual(endToEnd(seen?.headers ?? {}), expectedHeaders(row.saw.headers, headers));
      assert.deepEqual(JSON.parse(seen?.body ?? ''), row.saw.body);
      for (const name of ['request-id', 'x-request-id']) {
        const captured: string | undefined = row.response.headers[name];
        if (captured !== undefined) assert.equal(told.headers[name], captured, name);
      }
    });
  }

  test('the user-agent, with ours behind it', async () => {
    await using world = await openWorld();
    const body = Buffer.from('{"model":"claude-sonnet-4-6","max_tokens":1,"messages":[]}');
    for (const row of rows) {
      if (row.kind !== 'agent') continue;
      world.upstream.seen.length = 0;
      const headers: Headers = typeof row.client === 'string' ? { 'user-agent': row.client } : {};
      await ask(world.gateway, '/v1/messages', headers, body);
      assert.equal(world.upstream.seen[0]?.headers['user-agent'], ours(row.upstream));
    }
  });

  const CLIENTS: Readonly<Record<string, Headers>> = {
    'no anthropic-version': { 'content-type': 'application/json' },
    'no content-type': { 'anthropic-version': '2023-06-01' },
    'text/plain': { 'content-type': 'text/plain' },
    'beta empty': { 'anthropic-beta': '' },
    'accept-encoding none': {},
    'accept-encoding gzip': { 'accept-encoding': 'gzip' },
  };
  for (const row of rows) {
    if (row.kind !== 'sparse') continue;
    test(`from a client with ${row.name}`, async () => {
      await using world = await openWorld();
      const own = CLIENTS[row.name] ?? assert.fail(row.name);
      const version = row.saw['anthropic-version'];
      const headers = {
        ...own,
        ...(version === undefined ? {} : { 'anthropic-version': version }),
      };
      const body = Buffer.from('{"model":"claude-sonnet-4-6","max_tokens":1,"messages":[]}');
      await ask(world.gateway, '/v1/messages', headers, body);
      const seen = endToEnd(world.upstream.seen[0]?.headers ?? {});
      assert.deepEqual(seen, expectedHeaders(row.saw, headers));
    });
  }
});

/** The reference checks the last `model` and sends both; a name that changes costs it the digits. */
const BODIES: Readonly<Record<string, { status: number; upstream: string | null }>> = {
  'body fidelity: dup keys': { status: 400, upstream: null },
  'body fidelity: dup keys policy bypass order': { status: 400, upstream: null },
  'body fidelity: rewritten model (alias haiku undated)': {
    status: 200,
    upstream:
      '{"zeta":1.0,"model":"claude-haiku-4-5-20251001","a":1e3,"big":12345678901234567890,' +
      '"messages":[{"role":"user","content":"h\\u00e9"}]}',
  },
};

describe('the body', () => {
  for (const row of rows) {
    // Of one body only the length was captured: answers.test.ts has it.
    if (row.kind !== 'body' || /^<\d+ bytes>$/.test(row.body)) continue;
    test(row.name, async () => {
      await using world = await openWorld();
      const headers = { 'content-type': 'application/json' };
      const told = await ask(world.gateway, '/v1/messages', headers, Buffer.from(row.body));
      const expected = BODIES[row.name] ?? { status: row.status, upstream: row.upstream };
      assert.equal(told.status, expected.status);
      assert.equal(world.upstream.seen[0]?.body ?? null, expected.upstream);
    });
  }
});

/** What an upstream says about itself, its cookies and its caches; the reference passes all of it. */
const NOT_THE_CLIENTS: ReadonlySet<string> = new Set([
  ...['set-cookie', 'access-control-allow-origin', 'age', 'content-language', 'etag', 'location'],
  ...['content-security-policy', 'strict-transport-security', 'timing-allow-origin', 'vary'],
  ...['alt-svc', 'proxy-authenticate', 'server', 'www-authenticate', 'x-custom', 'x-robots-tag'],
  'x-envoy-upstream-service-time',
]);
/** HTTP's own, and what every answer of the gateway has. */
const OF_EVERY_ANSWER: ReadonlySet<string> = new Set([
  ...['keep-alive', 'connection', 'date', 'content-length', 'transfer-encoding'],
  ...['request-id', 'x-request-id', 'referrer-policy', 'cross-origin-opener-policy'],
  ...['x-content-type-options', 'x-frame-options'],
]);

/** The reference makes a 502 without `retry-after` of it. */
const OVERLOADED: ResponseRow['client'] = {
  status: 529,
  headers: {
    'content-type': 'application/json',
    'cache-control': 'no-cache',
    'retry-after': '17',
    'retry-after-ms': '17000',
    'x-should-retry': 'true',
    'anthropic-foo': 'f',
    'anthropic-organization-id': 'org-1',
    'anthropic-fast-input-tokens-limit': '5',
  },
};

describe('what the client gets of the upstream’s headers', () => {
  for (const row of rows) {
    if (row.kind !== 'response') continue;
    test(row.name, async () => {
      const { status, headers } = row.upstream;
      const type = row.stream ? 'text/event-stream' : 'application/json';
      await using world = await openWorld((res) => {
        res.writeHead(status, { ...headers, 'content-type': type });
        res.end(row.stream ? answerEvents().join('') : '{"type":"error","error":{}}');
      });
      const body = { model: 'claude-sonnet-4-6', max_tokens: 64, stream: row.stream, messages: [] };
      const own = { 'content-type': 'application/json' };
      const told = await ask(world.gateway, '/v1/messages', own, Buffer.from(JSON.stringify(body)));
      const client = status === 529 ? OVERLOADED : row.client;
      assert.equal(told.status, client.status);
      const captured = Object.entries(client.headers).filter(
        ([name]) => !OF_EVERY_ANSWER.has(name) && !NOT_THE_CLIENTS.has(name),
      );
      const passed = Object.entries(told.headers).filter(([name]) => !OF_EVERY_ANSWER.has(name));
      assert.deepEqual(Object.fromEntries(passed), Object.fromEntries(captured));
      assert.equal(told.headers['x-frame-options'], 'DENY');
      const isNamed = told.headers['request-id'] !== undefined;
      assert.equal(isNamed, client.headers['request-id'] !== undefined);
      if (isNamed) assert.equal(told.headers['request-id'], told.headers['x-request-id']);
    });
  }
});
