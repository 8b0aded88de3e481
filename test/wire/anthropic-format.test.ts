// Upstreams that take Anthropic's own format, as the reference reaches them (captures 04, 04b, 04g; what
// clouds refuse: 04c, where Foundry's rows equal Vertex's one by one), replayed over HTTP.
//
// On purpose not the same: the client's user-agent with a suffix of ours instead of an SDK's name, and
// the client's own x-stainless-* instead of an SDK's; unknown anthropic-* headers pass; answers are
// asked for unencoded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { PreparedRequest, Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { anthropicGoogleCloudAt, anthropicOauthAt, foundryAt } from '../support/cloud-upstreams.ts';
import { openMessagesGateway } from '../support/messages-gateway.ts';
import {
  type Behaviour,
  openFakeUpstream,
  refuses,
  type SeenRequest,
  sseEvent,
} from '../support/upstream.ts';
import { divert, PROJECT } from '../support/vertex.ts';

type ProviderName = 'foundry' | 'anthropicOauth' | 'anthropicGoogleCloud';

interface Exchange {
  name: string;
  provider: ProviderName;
  request: { path: string; headers: Record<string, string>; body: unknown };
  response: { status: number; body: unknown };
  saw: { host?: string; url: string; headers: Record<string, string>; body: unknown };
}

interface ModelIds {
  name: string;
  provider: ProviderName;
  ids: Record<string, string>;
}

function read<Row>(name: string): Row[] {
  const file = new URL(`captures/${name}`, import.meta.url);
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

const rows = read<Exchange | ModelIds>('04-anthropic-format.jsonl');

async function openUpstream(provider: ProviderName, baseUrl?: string): Promise<Upstream> {
  const sketch = baseUrl === undefined ? {} : { baseUrl };
  switch (provider) {
    case 'foundry':
      return await foundryAt(sketch);
    case 'anthropicGoogleCloud':
      return anthropicGoogleCloudAt(sketch);
    case 'anthropicOauth':
      return anthropicOauthAt(sketch);
  }
}

/** At its own host where the capture names one, else at a base_url. */
async function openWorld(provider: ProviderName, host?: string) {
  const fake = await openFakeUpstream();
  const prepared: PreparedRequest[] = [];
  const upstream = await openUpstream(provider, host === undefined ? fake.url : undefined);
  const upstreams = [divert(upstream, fake.url, prepared)];
  const gateway = await openMessagesGateway({ upstreams });
  return {
    ...{ fake, gateway, prepared },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

const CREDENTIALS: Readonly<Record<ProviderName, readonly [string, string]>> = {
  foundry: ['x-api-key', 'azure-key'],
  anthropicOauth: ['authorization', 'Bearer oauth-token'],
  anthropicGoogleCloud: ['authorization', 'Bearer cloud-token'],
};
const NOT_OURS = /^(user-agent|x-api-key|authorization|x-stainless-.*)$/;

describe('what an upstream of Anthropic’s format is asked', () => {
  for (const row of rows) {
    if ('ids' in row) continue;
    const { name, provider, request, response, saw } = row;
    test(name, async () => {
      await using world = await openWorld(provider, saw.host);
      const answer: Behaviour = (res) => {
        const isStream = typeof response.body === 'string';
        res.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        res.end(isStream ? response.body : JSON.stringify(response.body));
      };
      world.fake.behave(answer);
      world.fake.count(answer);
      const { path, headers, body } = request;
      const told = await world.gateway.ask(body, { path, headers });
      const text = await told.text();
      assert.equal(told.status, response.status);
      assert.deepEqual(typeof response.body === 'string' ? text : JSON.parse(text), response.body);
      const seen: SeenRequest | undefined = world.fake.seen[0];
      if (saw.host !== undefined) {
        assert.equal(world.prepared[0]?.origin, `https://${saw.host.replace(':443', '')}`);
      }
      assert.equal(seen?.path, saw.url);
      const betas = (list = '') => list.split(/, ?/);
      for (const [header, value] of Object.entries(saw.headers)) {
        if (NOT_OURS.test(header) || (header === 'accept' && headers['accept'] === undefined)) {
          continue;
        }
        const own: string = String(seen?.headers[header] ?? '');
        if (header === 'anthropic-beta') assert.deepEqual(betas(own), betas(value));
        else assert.equal(own, value, header);
      }
      const [credential, secret] = CREDENTIALS[provider];
      assert.equal(seen?.headers[credential], secret);
      assert.match(seen?.headers['user-agent'] ?? '', /(^| )tallygate\/0\.0\.0-test$/);
      const stainless = Object.keys(headers).filter((key) => key.startsWith('x-stainless-'));
      for (const key of stainless) assert.equal(seen?.headers[key], headers[key], key);
      assert.equal(seen?.headers['anthropic-foo'], headers['anthropic-foo']);
      assert.equal(seen?.headers['x-app'], undefined);
      assert.deepEqual(JSON.parse(seen?.body ?? ''), saw.body);
    });
  }
});

describe('the id of every requested model', () => {
  for (const row of rows) {
    if (!('ids' in row)) continue;
    test(row.name, async () => {
      await using world = await openWorld(row.provider);
      for (const [model, expected] of Object.entries(row.ids)) {
        world.fake.seen.length = 0;
        const told = await world.gateway.ask({ model, max_tokens: 1, messages: [] });
        await told.text();
        const [seen] = world.fake.seen;
        const sent = seen === undefined ? String(told.status) : JSON.parse(seen.body).model;
        assert.equal(sent, expected, model);
      }
    });
  }
});

interface ErrorRow {
  name: string;
  upstream: { status: number; body: string };
  client: { status: number; body: string };
}

/** Ours differ for these as for Vertex (test/wire/vertex.test.ts): credentials, overload, redaction. */
const AS_VERTEX = /^(401|403|529|400 anthropic envelope w\/ project id)/;

describe('what the client is told when a cloud refuses', () => {
  for (const provider of ['foundry', 'anthropicGoogleCloud'] as const) {
    test(provider, async () => {
      await using world = await openWorld(provider);
      for (const { name, upstream, client } of read<ErrorRow>('04c-vertex-errors.jsonl')) {
        world.fake.behave(refuses(upstream.status, {}, upstream.body));
        const told = await world.gateway.ask({ model: 'claude-opus-4-8', messages: [] });
        const text = await told.text();
        assert.doesNotMatch(text, new RegExp(`${PROJECT}|arn:aws`), name);
        if (AS_VERTEX.test(name)) continue;
        const { error } = JSON.parse(client.body);
        const request_id = told.headers.get('x-request-id');
        assert.equal(told.status, client.status, name);
        assert.equal(text, JSON.stringify({ type: 'error', request_id, error }), name);
      }
    });
  }

  test('Foundry’s host is the operator’s to know', async () => {
    await using world = await openWorld('foundry', 'x');
    const message = 'https://example-foundry.services.ai.azure.com/x is bad';
    const error = { type: 'invalid_request_error', message };
    world.fake.behave(refuses(400, {}, { type: 'error', error }));
    const told = await world.gateway.ask({ model: 'claude-opus-4-8', messages: [] });
    assert.equal(JSON.parse(await told.text()).error.message, 'https://[redacted]/x is bad');
  });
});

for (const provider of ['foundry', 'anthropicGoogleCloud'] as const) {
  test(`an error event of ${provider} is put in our words, with its type`, async () => {
    await using world = await openWorld(provider);
    const error = { type: 'overloaded_error', message: `not in ${PROJECT}` };
    world.fake.behave((res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.end(sseEvent('error', { error }));
    });
    const told = await world.gateway.ask({ model: 'claude-opus-4-8', stream: true, messages: [] });
    const text = await told.text();
    assert.match(text, /"error":\{"type":"overloaded_error","message":"Overloaded"\}\}\n\n$/);
  });
}
