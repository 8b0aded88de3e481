// POST /v1/messages over real HTTP: what is served, what is refused with which sentence, what it costs.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { TEST_PRINCIPAL, TEST_TOKEN } from '../support/http.ts';
import {
  anthropicAt,
  type MessagesGateway,
  type MessagesGatewayOptions,
  MODEL,
  openMessagesGateway,
  PROMPT,
  standing,
} from '../support/messages-gateway.ts';
import { cents, userCap } from '../support/quota.ts';
import { lastAnswer, speak } from '../support/raw-http.ts';
import { answerEvents, answers, openFakeUpstream, streams } from '../support/upstream.ts';

type World = AsyncDisposable & {
  readonly upstream: Awaited<ReturnType<typeof openFakeUpstream>>;
  readonly gateway: MessagesGateway;
};

async function openWorld(
  options: Partial<MessagesGatewayOptions> & { models?: string[] } = {},
): Promise<World> {
  const upstream = await openFakeUpstream();
  const upstreams = [anthropicAt(upstream.url, 'a', options.models)];
  const gateway = await openMessagesGateway({ upstreams, ...options });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function errorOf(response: Response) {
  const body = (await response.json()) as { error: { type: string; message: string } };
  return { status: response.status, ...body.error };
}

describe('a served request', () => {
  test('streams the very bytes of the upstream and bills its count', async () => {
    await using world = await openWorld();
    const response = await world.gateway.ask({ ...PROMPT, stream: true });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), answerEvents().join(''));
    const event = await world.gateway.nextEvent();
    assert.equal(event.costMicroUsd, 5_500);
    assert.deepEqual(
      [event.outcome, event.estimated, event.status, event.upstreamRequestId, event.sub],
      ['complete', false, 200, 'req_upstream_1', 'u1'],
    );
    await world.gateway.settled();
    const now = world.gateway.clock.now();
    assert.deepEqual(await standing(world.gateway.quota, now), { pending: 5_500, reserved: 0 });
  });

  test('passes a body unchanged, digits and spaces included', async () => {
    await using world = await openWorld();
    const body = `{ "model":"${MODEL}", "max_tokens":64, "n": 12345678901234567890, "f":1.0 }`;
    const response = await world.gateway.ask(body, { path: '/v1/messages?beta=true' });
    await response.text();
    const [seen] = world.upstream.seen;
    assert.equal(seen?.body, body);
    assert.equal(seen?.path, '/v1/messages?beta=true');
  });

  test('renames an undated model by its bytes alone', async () => {
    await using world = await openWorld();
    const body = '{"n":12345678901234567890,"model":"claude-haiku-4-5","max_tokens":1}';
    const response = await world.gateway.ask(body);
    await response.text();
    const expected = body.replace('claude-haiku-4-5', 'claude-haiku-4-5-20251001');
    assert.equal(world.upstream.seen[0]?.body, expected);
    const event = await world.gateway.nextEvent();
    assert.equal(event.requestedModel, 'claude-haiku-4-5');
    assert.equal(event.servedModel, 'claude-haiku-4-5-20251001');
  });

  test('carries only the headers that are the upstream’s to see', async () => {
    await using world = await openWorld();
    const response = await world.gateway.ask(PROMPT, {
      headers: {
        'anthropic-version': '2023-06-01',
        'anthropic-future': 'x',
        'x-stainless-lang': 'js',
        'x-api-key': 'mine',
        cookie: 'a=b',
        'x-forwarded-for': '1.2.3.4',
        'x-claude-code-session-id': 'conversation-1',
        'x-claude-gateway-user-id': 'spoof',
        'user-agent': 'claude-cli/2.1.330 (external, cli)',
      },
    });
    await response.text();
    const headers = world.upstream.seen[0]?.headers ?? {};
    assert.equal(headers['x-api-key'], 'key-of-a');
    assert.equal(headers['anthropic-future'], 'x');
    assert.equal(headers['x-stainless-lang'], 'js');
    assert.equal(headers['accept-encoding'], 'identity');
    const agent = 'claude-cli/2.1.330 (external, cli) tallygate/0.0.0-test';
    assert.equal(headers['user-agent'], agent);
    const hidden = ['authorization', 'cookie', 'x-forwarded-for', 'x-claude-gateway-user-id'];
    for (const name of hidden) assert.equal(headers[name], undefined, name);
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.sessionId, event.clientVersion], ['conversation-1', '2.1.330']);
  });

  test('gets only the headers that are the client’s to see', async () => {
    await using world = await openWorld();
    const own = { 'x-client-request-id': 'the-clients-own' };
    const response = await world.gateway.ask({ ...PROMPT, stream: true }, { headers: own });
    await response.text();
    const { headers } = response;
    assert.equal(headers.get('request-id'), 'the-clients-own');
    assert.equal(headers.get('x-request-id'), 'the-clients-own');
    assert.equal((await world.gateway.nextEvent()).requestId, 'the-clients-own');
    assert.equal(world.upstream.seen[0]?.headers['x-client-request-id'], undefined);
    assert.equal(headers.get('anthropic-organization-id'), 'org_1');
    for (const name of ['set-cookie', 'server', 'anthropic-ratelimit-requests-limit']) {
      assert.equal(headers.get(name), null, name);
    }
  });

  test('bills the real usage of an answer of many megabytes', async () => {
    await using world = await openWorld();
    world.upstream.behave(answers({ text: 'x'.repeat(9_000_000), outputTokens: 1000 }));
    const response = await world.gateway.ask(PROMPT);
    assert.ok((await response.arrayBuffer()).byteLength > 9_000_000);
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.usage.outputTokens, event.estimated], [1000, false]);
  });

  test('is counted by the upstream when the answer has no usage', async () => {
    await using world = await openWorld();
    world.upstream.behave((res) => void res.end('{"type":"message","content":[]}'));
    await (await world.gateway.ask(PROMPT)).text();
    const event = await world.gateway.nextEvent();
    assert.deepEqual([event.usage.inputTokens, event.estimated], [42, true]);
    const counting = world.upstream.seen[1];
    assert.equal(counting?.path, '/v1/messages/count_tokens');
    assert.deepEqual(Object.keys(JSON.parse(counting?.body ?? '')), ['model', 'messages']);
  });

  test('is billed by estimate when the reported counts cannot be', async () => {
    await using world = await openWorld();
    world.upstream.behave(streams({ usage: { input_tokens: -5 } }));
    world.upstream.count((res) => void res.writeHead(500).end());
    await (await world.gateway.ask({ ...PROMPT, stream: true })).text();
    const event = await world.gateway.nextEvent();
    assert.equal(event.estimated, true);
    assert.ok(event.usage.inputTokens >= 0 && event.usage.inputTokens < 100);
  });
});

describe('a refused request', () => {
  const cases: [string, string | object, string][] = [
    ['an empty body', '', 'invalid JSON'],
    ['truncated JSON', '{"model":"claude-opus-4-8","messages":[', 'invalid JSON'],
    ['trailing garbage', `${JSON.stringify(PROMPT)}x`, 'invalid JSON'],
    ['a byte order mark', `\ufeff${JSON.stringify(PROMPT)}`, 'invalid JSON'],
    ['an array', '[1]', 'request body must be a JSON object'],
    ['null', 'null', 'request body must be a JSON object'],
    ['a string', '"x"', 'request body must be a JSON object'],
    ['a number', '7', 'request body must be a JSON object'],
    ['no model', {}, 'model is required'],
    ['an empty model', { model: '' }, 'model is required'],
    ['a null model', { model: null }, 'model must be a string'],
    ['a numeric model', { model: 5 }, 'model must be a string'],
    ['two models', `{"model":"${MODEL}","mod\\u0065l":"x"}`, 'model is given more than once'],
    [
      'a model outside the role',
      { model: 'claude-opus-4-7' },
      "model claude-opus-4-7 is not in your role's availableModels allowlist",
    ],
    ['an unknown model', { model: 'gpt' }, "model gpt is not in the operator's model allowlist"],
    [
      'a model no upstream serves',
      { model: 'claude-opus-4-6' },
      "model claude-opus-4-6 is not served by upstream 'a'",
    ],
  ];
  for (const path of ['/v1/messages', '/v1/messages/count_tokens']) {
    test(`${path} names the fault of every bad body and asks no upstream`, async () => {
      const mayUse = (model: string) => model !== 'claude-opus-4-7';
      await using world = await openWorld({ mayUse, models: [MODEL, 'claude-opus-4-7'] });
      for (const [name, body, message] of cases) {
        const response = await world.gateway.ask(body, { path });
        const expected = { status: 400, type: 'invalid_request_error', message };
        assert.deepEqual(await errorOf(response), expected, name);
      }
      await world.gateway.settled();
      const now = world.gateway.clock.now();
      assert.deepEqual(await standing(world.gateway.quota, now), { pending: 0, reserved: 0 });
      assert.deepEqual([world.upstream.seen.length, world.gateway.events.length], [0, 0]);
    });
  }

  test('is told 413 above the limit, also when its body says so late', async () => {
    await using world = await openWorld({ settings: { maxRequestBytes: 100 } });
    const response = await world.gateway.ask({ ...PROMPT, padding: 'x'.repeat(100) });
    assert.equal(response.status, 413);
    assert.equal(await response.text(), 'payload too large');
  });

  test('whose body ends early is answered 400 or cut, and costs nothing', async () => {
    await using world = await openWorld();
    const head = `POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n`;
    const text = `${head}connection: close\r\ncontent-length: 7\r\n\r\n{"mode`;
    const received = await speak(world.gateway.port, `${text}l`);
    assert.equal(lastAnswer(received).status, 400);
    assert.equal(world.upstream.seen.length, 0);
  });
});

describe('a capped person', () => {
  test('is served with their standing, then blocked with the sentence, even for a bad body', async () => {
    const caps = [userCap(TEST_PRINCIPAL.sub, cents(1), 'monthly')];
    const settings = { blockedMessage: 'Ask #llm-costs' };
    await using world = await openWorld({ caps, settings });
    for (const utilization of ['0', '0.55']) {
      const response = await world.gateway.ask(PROMPT);
      await response.text();
      await world.gateway.settled();
      const header = 'anthropic-ratelimit-unified-overage-utilization';
      assert.equal(response.headers.get(header), utilization);
    }
    for (const body of [PROMPT, '{']) {
      const response = await world.gateway.ask(body);
      const message = 'spend limit reached · resets Dec 1 · Ask #llm-costs';
      assert.deepEqual(await errorOf(response), { status: 429, type: 'billing_error', message });
      assert.equal(response.headers.get('x-should-retry'), 'false');
    }
    assert.equal(world.upstream.seen.length, 2);
    const audit = world.gateway.log.lines.find(({ message }) => message === 'spend.blocked');
    assert.deepEqual(
      [audit?.fields['cause'], audit?.fields['cap_cents'], audit?.fields['source']],
      ['over_limit', 1, 'user'],
    );
  });

  test('cannot spend more than one request past the cap with a ceiling reservation', async () => {
    const caps = [userCap(TEST_PRINCIPAL.sub, cents(10), 'monthly')];
    await using world = await openWorld({ caps, settings: { reservation: 'ceiling' } });
    // Five cents each: what ten thousand input tokens of this model cost.
    world.upstream.behave(answers({ usage: { input_tokens: 9_900 }, outputTokens: 20 }));
    const prompt = { ...PROMPT, messages: [{ role: 'user', content: 'x'.repeat(10_000) }] };
    const all = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const response = await world.gateway.ask(prompt);
        await response.text();
        return response.status;
      }),
    );
    await world.gateway.settled();
    const { pending = 0 } = await standing(world.gateway.quota, world.gateway.clock.now());
    assert.ok(pending <= cents(15), `spent ${pending}`);
    assert.ok(all.includes(429));
  });

  test('is refused at the next request after a cap change', async () => {
    await using world = await openWorld({ caps: [] });
    await (await world.gateway.ask(PROMPT)).text();
    await world.gateway.settled();
    const caps = [userCap(TEST_PRINCIPAL.sub, cents(0), 'daily')];
    await world.gateway.quota.publishCaps({ version: 2, caps, budgets: [] });
    assert.equal((await errorOf(await world.gateway.ask(PROMPT))).message, 'spend limit reached');
  });
});

describe('the quota store', () => {
  const down = (store: QuotaStore): QuotaStore => ({
    ...store,
    admit: () => Promise.reject(new AppError('unavailable', 'gone')),
  });

  test('when it is away, requests are served and billed', async () => {
    await using world = await openWorld({ quota: down });
    const response = await world.gateway.ask(PROMPT);
    assert.equal(response.status, 200);
    await response.text();
    assert.equal((await world.gateway.nextEvent()).costMicroUsd, 5_500);
  });

  test('when it is away and the operator wants it so, nobody is served', async () => {
    await using world = await openWorld({ quota: down, settings: { failClosedOnError: true } });
    const response = await world.gateway.ask(PROMPT);
    const header = 'anthropic-ratelimit-unified-overage-disabled-reason';
    assert.equal(response.headers.get(header), 'fetch_error');
    const message = 'spend limit unavailable';
    assert.deepEqual(await errorOf(response), { status: 429, type: 'billing_error', message });
  });

  test('settles later what it could not settle at once', async () => {
    let refusals = 2;
    const flaky = (store: QuotaStore): QuotaStore => ({
      ...store,
      settle: (request) =>
        refusals-- > 0 ? Promise.reject(new Error('away')) : store.settle(request),
    });
    await using world = await openWorld({ quota: flaky });
    await (await world.gateway.ask(PROMPT)).text();
    await world.gateway.settled();
    const now = world.gateway.clock.now();
    assert.deepEqual(await standing(world.gateway.quota, now), { pending: 5_500, reserved: 0 });
    assert.equal(world.gateway.events.length, 1);
  });

  test('refuses a revoked session in the admission itself', async () => {
    await using world = await openWorld();
    const untilMs = world.gateway.clock.now() + 1000;
    await world.gateway.quota.revoke({ type: 'session', sessionId: 's1', untilMs });
    const response = await world.gateway.ask(PROMPT);
    assert.equal(response.headers.get('x-should-retry'), 'false');
    const expected = { status: 401, type: 'authentication_error', message: 'invalid token' };
    assert.deepEqual(await errorOf(response), expected);
    const denials = world.gateway.log.lines.filter(({ message }) => message === 'auth.denied');
    assert.deepEqual(
      denials.map(({ level, fields }) => [level, fields]),
      [
        [
          'audit',
          {
            request_id: response.headers.get('x-request-id'),
            reason: 'invalid_token',
            path: '/v1/messages',
            client_ip: '127.0.0.1',
          },
        ],
      ],
    );
  });
});

test('counting tokens is neither capped nor billed', async () => {
  await using world = await openWorld({ caps: [userCap('u1', cents(0), 'daily')] });
  const response = await world.gateway.ask(PROMPT, { path: '/v1/messages/count_tokens' });
  assert.deepEqual(await response.json(), { input_tokens: 42 });
  assert.equal(response.headers.get('anthropic-ratelimit-unified-status'), null);
  assert.equal(world.gateway.events.length, 0);
});
