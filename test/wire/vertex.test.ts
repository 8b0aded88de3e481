// Claude on Google Cloud as the reference reaches it (captures 04b and 04c), replayed over HTTP: the
// same request of the client must reach the same host, path, headers and body, and the same error of
// Google's must reach the client with the same words.
//
// On purpose not the same, each listed in DIFFERENCES: a project id never reaches a client; the
// gateway's own credentials are a 502; overload stays overload and says when to come back. Not in this
// version, in LATER: errors in Amazon's shape, which Google does not give.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { PreparedRequest } from '../../services/data-plane/upstreams/upstream.ts';
import { type MessagesGateway, openMessagesGateway } from '../support/messages-gateway.ts';
import { type FakeUpstream, openFakeUpstream, refuses } from '../support/upstream.ts';
import { divert, vertexAt } from '../support/vertex.ts';

interface Exchange {
  name: string;
  request: { path: string; headers: Record<string, string>; body: Record<string, unknown> };
  response: { status: number; body: unknown };
  saw: { host: string; path: string; headers: Record<string, string>; body: unknown };
}

interface ErrorRow {
  name: string;
  endpoint: 'messages' | 'count_tokens';
  upstream: { status: number; body: string };
  client: { status: number; content_type: string; retry_after: string | null; body: string };
}

function read<Row>(name: string): Row[] {
  const file = new URL(`captures/${name}`, import.meta.url);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Row);
}

const captured = read<Exchange & { ids?: Record<string, string> }>('04b-vertex.jsonl');
const exchanges = captured.filter(({ request }) => request !== undefined);
const ids = captured.find(({ ids: found }) => found !== undefined)?.ids ?? assert.fail();
const rows = read<ErrorRow>('04c-vertex-errors.jsonl');

type World = AsyncDisposable & {
  readonly google: FakeUpstream;
  readonly gateway: MessagesGateway;
  readonly prepared: PreparedRequest[];
};

async function openWorld(sketch: Parameters<typeof vertexAt>[0] = {}): Promise<World> {
  const google = await openFakeUpstream();
  const prepared: PreparedRequest[] = [];
  const upstreams = [divert(vertexAt(sketch), google.url, prepared)];
  const gateway = await openMessagesGateway({ upstreams });
  return {
    ...{ google, gateway, prepared },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await google[Symbol.asyncDispose]();
    },
  };
}

/** The region that a captured path names; an override of base_url has a prefix before `/v1`. */
function placeOf({ saw }: Exchange): { region: string; baseUrl?: string } {
  const match = /^(.*)\/v1\/projects\/[^/]+\/locations\/([^/]+)\//.exec(saw.path);
  const [, prefix = '', region = ''] = match ?? assert.fail(saw.path);
  if (prefix === '') return { region };
  return { region, baseUrl: `https://${saw.host.replace(':443', '')}${prefix}/v1` };
}

describe('what Google is asked', () => {
  for (const exchange of exchanges) {
    test(exchange.name, async () => {
      await using world = await openWorld(placeOf(exchange));
      const { request, response, saw } = exchange;
      const answer = (res: Parameters<ReturnType<typeof refuses>>[0]) => {
        const isStream = typeof response.body === 'string';
        res.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        res.end(isStream ? response.body : JSON.stringify(response.body));
      };
      world.google.behave(answer);
      world.google.count(answer);
      const { authorization: _own, ...headers } = request.headers;
      const told = await world.gateway.ask(request.body, { path: request.path, headers });
      const text = await told.text();
      assert.equal(told.status, response.status);
      const isText = typeof response.body === 'string';
      assert.deepEqual(isText ? text : JSON.parse(text), response.body);
      const [seen] = world.google.seen;
      assert.equal(world.prepared[0]?.origin, `https://${saw.host.replace(':443', '')}`);
      assert.equal(seen?.path, saw.path);
      const { authorization, ...others } = saw.headers;
      assert.equal(authorization, 'Bearer <google-token>');
      assert.equal(seen?.headers['authorization'], 'Bearer google-token');
      for (const [name, value] of Object.entries(others)) {
        assert.equal(seen?.headers[name], value, name);
      }
      assert.deepEqual(JSON.parse(seen?.body ?? ''), saw.body);
      for (const name of ['x-app', 'anthropic-foo', 'x-api-key']) {
        assert.equal(seen?.headers[name], undefined, name);
      }
    });
  }
});

test('every requested model goes under the id that Google knows', async () => {
  await using world = await openWorld();
  for (const [model, expected] of Object.entries(ids)) {
    world.google.seen.length = 0;
    const told = await world.gateway.ask({ model, max_tokens: 1, messages: [] });
    await told.text();
    const asked = world.google.seen[0]?.path.split('/').at(-1);
    assert.equal(
      asked ?? String(told.status),
      expected.startsWith('400') ? '400' : expected,
      model,
    );
  }
});

interface Difference {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly retryAfter?: string;
}

const ours = (what: string): Difference => ({
  status: 502,
  type: 'api_error',
  message: `${what} — check the gateway operator`,
});
const DENIED = ours('the upstream does not let the gateway use this model');
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  '400 anthropic envelope w/ project id': {
    status: 400,
    type: 'invalid_request_error',
    message: 'projects/[redacted]/locations/x: messages.0: bad',
  },
  '401': ours('the gateway could not sign in to its upstream'),
  '403': DENIED,
  '403 google': DENIED,
  '529': { status: 529, type: 'overloaded_error', message: 'Overloaded', retryAfter: '5' },
};

describe('what the client is told when Google refuses', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  for (const { name, endpoint, upstream, client } of rows) {
    test(`${name} (${endpoint})`, async () => {
      const refusal = refuses(upstream.status, {}, upstream.body);
      world.google.behave(refusal);
      world.google.count(refusal);
      const path = endpoint === 'messages' ? '/v1/messages' : '/v1/messages/count_tokens';
      const body = { model: 'claude-opus-4-8', max_tokens: 64, messages: [] };
      const told = await world.gateway.ask(body, { path });
      const text = await told.text();
      const difference = DIFFERENCES[name];
      const { error } = JSON.parse(client.body) as { error: { type: string; message: string } };
      const {
        status,
        type,
        message,
        retryAfter = null,
      } = difference ?? {
        ...error,
        status: client.status,
        retryAfter: client.retry_after,
      };
      assert.equal(told.status, status);
      assert.equal(told.headers.get('content-type'), client.content_type);
      assert.equal(told.headers.get('retry-after'), retryAfter);
      const request_id = told.headers.get('x-request-id');
      // The text itself: the order of keys is the wire's.
      assert.equal(text, JSON.stringify({ type: 'error', request_id, error: { type, message } }));
      assert.doesNotMatch(text, /secret-project|arn:aws/);
    });
  }

  test('every difference is one', () => {
    const names = new Set(rows.map(({ name }) => name));
    for (const name of Object.keys(DIFFERENCES)) assert.ok(names.has(name), name);
  });
});
