// Claude at Amazon as the reference reaches it (captures 04, 04c, 04d, 04g, 10), replayed over HTTP: the
// same request of the client must reach the same path, headers and body, signed, and the same answer
// of Amazon's must reach the client in the same words.
//
// On purpose not the same, each listed in a table: an account or project never reaches a client; the
// gateway's own credentials are a 502; overload stays overload and says when to come back; an error
// within a stream keeps its type.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import {
  ACCESS_KEY_ID,
  API_KEY,
  type AwsSketch,
  anthropicAwsAt,
  BEARER,
  bedrockAt,
  chunk,
  exception,
  mantleAt,
  messagesOf,
  signatureCheck,
  streamsBinary,
} from '../support/aws.ts';
import { type MessagesGateway, openMessagesGateway } from '../support/messages-gateway.ts';
import { checkSignature } from '../support/sigv4.ts';
import { answerEvents, type FakeUpstream, openFakeUpstream, refuses } from '../support/upstream.ts';

interface Exchange {
  readonly name: string;
  readonly provider: string;
  readonly ids?: Record<string, string>;
  readonly request: { path: string; headers: Record<string, string>; body: { stream?: boolean } };
  /** Where only the request was captured, the answer is any. */
  readonly response?: { status: number; body: unknown };
  readonly saw: { path: string; headers: Record<string, string>; body: unknown };
}

interface ErrorRow {
  readonly provider: string;
  readonly name: string;
  readonly endpoint: 'messages' | 'count_tokens';
  readonly upstream: { status: number; body: string };
  readonly calls: number;
  readonly client: {
    status: number;
    content_type: string;
    x_should_retry: string | null;
    body: string;
  };
}

function read(name: string): string {
  return readFileSync(new URL(`captures/${name}`, import.meta.url), 'utf8').trim();
}

const lines = (name: string): unknown[] =>
  read(name)
    .split('\n')
    .map((line) => JSON.parse(line));
const captured = lines('04-aws.jsonl') as Exchange[];
const rows = lines('04c-aws-errors.jsonl') as ErrorRow[];
const tokens = JSON.parse(read('04g-bedrock-tokens.json')) as Record<string, string>;

const UPSTREAMS: Readonly<Record<string, (sketch: AwsSketch) => Upstream>> = {
  bedrock: bedrockAt,
  // Captured in a region of which the reference knows no profile.
  bedrockBearer: (sketch) => bedrockAt({ ...sketch, region: 'sa-east-1', auth: BEARER }),
  bedrockGuardrail: (sketch) => bedrockAt({ ...sketch, guardrail: { id: 'gr-1', version: '2' } }),
  mantle: (sketch) => mantleAt({ ...sketch, auth: BEARER }),
  anthropicAws: (sketch) => anthropicAwsAt({ ...sketch, auth: API_KEY }),
  anthropicAwsSig: anthropicAwsAt,
};

type World = AsyncDisposable & {
  readonly amazon: FakeUpstream;
  readonly gateway: MessagesGateway;
};

async function openWorld(provider: string): Promise<World> {
  const amazon = await openFakeUpstream();
  const create = UPSTREAMS[provider] ?? assert.fail(provider);
  const gateway = await openMessagesGateway({ upstreams: [create({ baseUrl: amazon.url })] });
  return {
    ...{ amazon, gateway },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await amazon[Symbol.asyncDispose]();
    },
  };
}

/** Amazon's own answer, from which the client's was captured. */
function answerLike(
  { name, provider, request, response }: Exchange,
  amazon: FakeUpstream,
): unknown {
  const isBedrock = provider.startsWith('bedrock');
  const sse = answerEvents().join('');
  const body = response?.body ?? (request.body.stream === true ? sse : { input_tokens: 1 });
  if (typeof body === 'string' && isBedrock) amazon.behave(streamsBinary(messagesOf(body)));
  else {
    const isCount = isBedrock && name.includes('count_tokens');
    const own = isCount ? { inputTokens: 1000 } : body;
    const type = typeof body === 'string' ? 'text/event-stream' : 'application/json';
    const answer = refuses(200, { 'content-type': type }, own);
    amazon.behave(answer);
    amazon.count(answer);
  }
  return typeof body === 'string'
    ? body.replace(/,"amazon-bedrock-invocationMetrics":\{[^}]*\}/, '')
    : body;
}

/** Bodies of a count are in base64, and of other bytes for the same JSON. */
function unwrapped(body: unknown): unknown {
  const text = (body as { input?: { invokeModel?: { body?: string } } }).input?.invokeModel?.body;
  return text === undefined ? body : JSON.parse(Buffer.from(text, 'base64').toString());
}

describe('what Amazon is asked', () => {
  for (const exchange of captured.filter(({ ids }) => ids === undefined)) {
    test(`${exchange.provider}, ${exchange.name}`, async () => {
      const { provider, request, response, saw } = exchange;
      await using world = await openWorld(provider);
      const expected = answerLike(exchange, world.amazon);
      const { path, headers } = request;
      const told = await world.gateway.ask(request.body, { path, headers });
      const text = await told.text();
      assert.equal(told.status, response?.status ?? 200);
      assert.deepEqual(typeof expected === 'string' ? text : JSON.parse(text), expected);
      const seen = world.amazon.seen[0] ?? assert.fail('it was not asked');
      assert.equal(seen.path, saw.path);
      assert.deepEqual(unwrapped(JSON.parse(seen.body)), unwrapped(saw.body));
      const { authorization, ...others } = saw.headers;
      for (const [name, value] of Object.entries(others)) {
        // What the client did not send is of the reference's own SDK.
        if (name.startsWith('x-stainless-') && headers[name] === undefined) continue;
        assert.equal(seen.headers[name], value, name);
      }
      const names = ['x-app', 'x-api-key', 'anthropic-beta', 'anthropic-workspace-id'];
      for (const name of names.filter((one) => others[one] === undefined)) {
        assert.equal(seen.headers[name], undefined, name);
      }
      const scope = /^AWS4-HMAC-SHA256 Credential=\w+\/\d+\/us-east-1\/([\w-]+)\//;
      const service = scope.exec(authorization ?? '')?.[1];
      if (service === undefined) assert.equal(seen.headers['authorization'], authorization);
      else checkSignature(seen, signatureCheck(service));
    });
  }
});

describe('the id that Amazon is asked for', () => {
  for (const { provider, ids = {} } of captured.filter(({ ids: found }) => found !== undefined)) {
    test(`of every model, at ${provider}`, async () => {
      await using world = await openWorld(provider);
      for (const [model, expected] of Object.entries(ids)) {
        world.amazon.seen.length = 0;
        const told = await world.gateway.ask({ model, max_tokens: 1, messages: [] });
        await told.text();
        const [seen] = world.amazon.seen;
        const body = JSON.parse(seen?.body ?? '{}') as { model?: string };
        assert.equal(body.model ?? seen?.path ?? String(told.status), expected, model);
      }
    });
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

// Mantle was captured without errors; the mapping of the reference is one for all its SDKs.
const PROVIDERS = { bedrock: 'bedrock', anthropicAws: 'anthropicAws', mantle: 'anthropicAws' };

for (const [provider, like] of Object.entries(PROVIDERS)) {
  describe(`what the client is told when ${provider} refuses`, () => {
    let world: World;
    before(async () => {
      world = await openWorld(provider);
    });
    after(() => world[Symbol.asyncDispose]());

    for (const row of rows.filter((one) => one.provider === like)) {
      const { name, endpoint, upstream, client, calls } = row;
      test(`${name} (${endpoint})`, async () => {
        const refusal = refuses(upstream.status, {}, upstream.body);
        world.amazon.behave(refusal);
        world.amazon.count(refusal);
        world.amazon.seen.length = 0;
        const path = endpoint === 'messages' ? '/v1/messages' : '/v1/messages/count_tokens';
        const body = { model: 'claude-opus-4-8', max_tokens: 64, messages: [] };
        const told = await world.gateway.ask(body, { path });
        const text = await told.text();
        const { error } = JSON.parse(client.body) as { error: { type: string; message: string } };
        const difference = endpoint === 'messages' ? DIFFERENCES[name] : undefined;
        const expected: Difference = difference ?? { ...error, status: client.status };
        assert.equal(told.status, expected.status);
        assert.equal(told.headers.get('content-type'), client.content_type);
        assert.equal(told.headers.get('retry-after'), expected.retryAfter ?? null);
        assert.equal(told.headers.get('x-should-retry'), client.x_should_retry);
        const request_id = told.headers.get('x-request-id');
        const { type, message } = expected;
        // The text itself: the order of keys is the wire's.
        assert.equal(text, JSON.stringify({ type: 'error', request_id, error: { type, message } }));
        assert.doesNotMatch(text, /secret-project|arn:aws|123456789012/);
        assert.equal(world.amazon.seen.length, calls);
      });
    }
  });
}

test('every difference is one', () => {
  const names = new Set(rows.map(({ name }) => name));
  for (const name of Object.keys(DIFFERENCES)) assert.ok(names.has(name), name);
});

test('what Claude Code’s recovery reads of a 400', async () => {
  await using world = await openWorld('bedrock');
  for (const [message, expected] of Object.entries(tokens)) {
    world.amazon.behave(refuses(400, {}, { message }));
    const told = await world.gateway.ask({ model: 'claude-opus-4-8', messages: [] });
    const { error } = (await told.json()) as { error: { message: string } };
    assert.deepEqual([told.status, error.message], [400, expected], message);
  }
});

describe('an error within a stream of Bedrock’s', () => {
  const start =
    '{"type":"message_start","message":{"usage":{"input_tokens":1000,"output_tokens":1}}}';
  const said = { message: 'User: arn:aws:iam::123456789012:role/x' };
  const error = (type: string, message: string) =>
    JSON.stringify({ type: 'error', error: { type, message } });
  // The reference makes an api_error of each.
  const cases: readonly (readonly [string, Buffer, string, string])[] = [
    [
      'an event of Anthropic’s',
      chunk(error('overloaded_error', 'no')),
      'overloaded_error',
      'Overloaded',
    ],
    ...(
      [
        ['throttlingException', 'rate_limit_error', 'upstream rate limit exceeded'],
        ['serviceUnavailableException', 'overloaded_error', 'Overloaded'],
        ['modelStreamErrorException', 'api_error', 'upstream error'],
        ['internalServerException', 'api_error', 'upstream error'],
        ['modelTimeoutException', 'timeout_error', 'upstream error'],
        ['validationException', 'invalid_request_error', 'upstream rejected the request'],
        ['accessDeniedException', 'api_error', 'upstream error'],
      ] as const
    ).map(([type, ...told]) => [type, exception(type, said), ...told] as const),
  ];
  for (const [name, bytes, type, message] of cases) {
    test(name, async () => {
      await using world = await openWorld('bedrock');
      world.amazon.behave(streamsBinary([chunk(start), bytes]));
      const told = await world.gateway.ask({ model: 'claude-opus-4-8', stream: true });
      const request_id = told.headers.get('x-request-id');
      const data = JSON.stringify({ type: 'error', request_id, error: { type, message } });
      const events = `event: message_start\ndata: ${start}\n\nevent: error\ndata: ${data}\n\n`;
      assert.equal(await told.text(), events);
      assert.equal((await world.gateway.nextEvent()).usage.inputTokens, 1000);
    });
  }
});

test('the captures are of this key', () => {
  assert.ok(read('04-aws.jsonl').includes(`Credential=${ACCESS_KEY_ID}/`));
});
