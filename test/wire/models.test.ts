// Which models there are, who serves them and under which id, as the reference answered (captures 04e,
// 04f, 04g), replayed over HTTP.
//
// On purpose not the same: a model that is no model here is said to be so once, not once for each
// upstream.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type ConfiguredModel, createCatalogue } from '#shared/domain/catalogue.ts';
import type { PolicyBookOptions } from '#shared/domain/policy.ts';
import { TEST_PRINCIPAL } from '../support/http.ts';
import { anthropicAt, openMessagesGateway } from '../support/messages-gateway.ts';
import { openPolicyServer, type Person } from '../support/policy-server.ts';
import { answers, type FakeUpstream, openFakeUpstream, refuses } from '../support/upstream.ts';

interface Listed {
  name: string;
  list: { data: { id: string }[] } | string[];
}
interface Asked {
  name: string;
  model: string;
  a: string[];
  b: string[];
  status: number;
  body: { error: object } | null;
}
interface Scoped {
  name: string;
  status: number;
  calls: Record<'a' | 'b' | 'c', number>;
  body: { error: object } | null;
}

const file = new URL('captures/04-models.jsonl', import.meta.url);
const lines = readFileSync(file, 'utf8').trim().split('\n');
const rows = lines.map((line) => JSON.parse(line) as Listed | Asked | Scoped);

function row(id: string, upstreamModel: Record<string, string>, label?: string): ConfiguredModel {
  const description = label === 'Opus!' ? 'desc' : null;
  return { id, label: label ?? null, description, upstreamModel };
}

/** The `models` that each capture's gateway had, by the words of its name. */
const CATALOGUES = {
  none: createCatalogue({ models: [], autoIncludeBuiltinModels: false }),
  builtin: createCatalogue({ models: [], autoIncludeBuiltinModels: true }),
  included: createCatalogue({
    models: [
      row('claude-opus-4-8', { a: 'opus-on-a' }, 'Opus!'),
      row('my-alias', { b: 'claude-sonnet-4-6' }, 'Alias'),
      row('claude-future-7', { a: 'claude-future-7' }),
    ],
    autoIncludeBuiltinModels: true,
  }),
  alone: createCatalogue({
    models: [
      row('claude-sonnet-4-5', { a: 'claude-sonnet-4-5' }, 'S45'),
      row('my-alias', { b: 'x-y-z' }),
    ],
    autoIncludeBuiltinModels: false,
  }),
  omitted: createCatalogue({
    models: [row('claude-sonnet-4-5', { a: 'claude-sonnet-4-5' }, 'S45')],
    autoIncludeBuiltinModels: true,
  }),
  doubled: createCatalogue({
    models: [row('claude-opus-4-8', { a: 'x' }), row('claude-opus-4-8', { a: 'y' })],
    autoIncludeBuiltinModels: true,
  }),
};

function catalogueFor(name: string) {
  if (/^none |\(none\)/.test(name)) return CATALOGUES.none;
  if (/auto_include omitted|policy haiku|upstream groups/.test(name)) return CATALOGUES.builtin;
  if (/auto_include false|^auto false/.test(name)) return CATALOGUES.alone;
  if (/models, auto omitted/.test(name)) return CATALOGUES.omitted;
  return name.startsWith('dup ') ? CATALOGUES.doubled : CATALOGUES.included;
}

const OPEN = { provider: 'anthropic', models: null, groups: null } as const;
const SCOPES = [
  { ...OPEN, name: 'a', groups: ['gold'] },
  { ...OPEN, name: 'b', models: ['claude-sonnet-4-6', 'claude-haiku-4-5'] },
  { ...OPEN, name: 'c', models: ['claude-opus-4-8'], groups: ['silver'] },
];

/** Its captures are called "policy haiku+sonnet"; of the Haikus they list one. */
const BY_ROLE: PolicyBookOptions = {
  policies: [
    {
      match: { groups: null, emailDomain: null },
      kind: 'cli',
      settings: { availableModels: ['claude-haiku-4-5', 'sonnet'] },
      serveToDesktop: null,
    },
  ],
  mode: 'first_match',
  push: { env: null, modelPricing: null },
};

describe('GET /v1/models', () => {
  for (const captured of rows) {
    if (!('list' in captured)) continue;
    const { name, list } = captured;
    test(name, async () => {
      const group = /groups\/models (\w+)/.exec(name)?.[1];
      const upstreams = ['a', 'b'].map((upstream) => ({ ...OPEN, name: upstream }));
      await using server = await openPolicyServer({
        catalogue: catalogueFor(name),
        upstreams: group === undefined ? upstreams : SCOPES,
        ...(name.includes('policy') ? { book: BY_ROLE } : {}),
      });
      const person: Person = { email: 'a@example.com', groups: group === undefined ? [] : [group] };
      const path = /\/v1\/models\S*/.exec(name)?.[0] ?? assert.fail(name);
      const answer = await server.request(person, path);
      const told = (await answer.json()) as { data: { id: string }[] };
      if (Array.isArray(list))
        assert.deepEqual(
          told.data.map(({ id }) => id),
          list,
        );
      else assert.deepEqual(told, list);
    });
  }
});

/** A gateway before several upstreams, each of which is asked or not. */
async function openWorld(names: readonly string[], name: string, groups: readonly string[]) {
  const fakes = await Promise.all(names.map(() => openFakeUpstream()));
  const upstreams = fakes.map(({ url }, index) => {
    const upstream = anthropicAt(url, names[index]);
    const scope = names.length === 3 ? SCOPES[index] : undefined;
    return scope === undefined ? upstream : { ...upstream, ref: scope };
  });
  const gateway = await openMessagesGateway({
    upstreams,
    catalogue: names.length === 3 ? CATALOGUES.builtin : catalogueFor(name),
    verify: async () => ({ ...TEST_PRINCIPAL, groups: [...groups] }),
  });
  const isDown = (index: number) =>
    name.startsWith('both 500') || (index === 0 && name.startsWith('a=500'));
  fakes.forEach((fake, index) => {
    if (isDown(index)) fake.behave(refuses(500));
    else if (index === 0 && name.includes('a=429')) fake.behave(refuses(429));
    else fake.behave(answers());
  });
  return {
    ...{ fakes, gateway },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      for (const fake of fakes) await fake[Symbol.asyncDispose]();
    },
  };
}

const modelsSeen = ({ seen }: FakeUpstream) => seen.map(({ body }) => JSON.parse(body).model);

describe('a request', () => {
  for (const captured of rows) {
    if (!('model' in captured)) continue;
    test(captured.name, async () => {
      const { name, model, status, body } = captured;
      await using world = await openWorld(['a', 'b'], name, []);
      const told = await world.gateway.ask({ model, max_tokens: 64, messages: [] });
      const text = await told.text();
      assert.equal(told.status, status);
      assert.deepEqual(world.fakes.map(modelsSeen), [captured.a, captured.b]);
      if (body === null) return;
      const once = JSON.stringify(body.error).replace(/; model [^;]*allowlist"/, '"');
      assert.equal(JSON.stringify(JSON.parse(text).error), once);
    });
  }
});

describe('a request where upstreams serve some models or some groups', () => {
  for (const captured of rows) {
    if (!('calls' in captured)) continue;
    test(captured.name, async () => {
      const { name, status, body, calls } = captured;
      const group = /gold|silver|none/.exec(name)?.[0] ?? '';
      const model = name.split(' ').at(-1) ?? '';
      await using world = await openWorld(['a', 'b', 'c'], name, [group]);
      const told = await world.gateway.ask({ model, max_tokens: 64, messages: [] });
      const text = await told.text();
      assert.equal(told.status, status);
      const [a, b, c] = world.fakes.map(({ seen }) => seen.length);
      assert.deepEqual({ a, b, c }, calls);
      // Of a 429 the upstream's own words pass.
      if (body !== null && status === 400) assert.deepEqual(JSON.parse(text).error, body.error);
    });
  }
});
