import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { JsonObject } from '#shared/domain/canonical-json.ts';
import { createCatalogue, type UpstreamRef } from '#shared/domain/catalogue.ts';
import type { Policy, PolicyBookOptions } from '#shared/domain/policy.ts';
import { openPolicyServer } from '../support/policy-server.ts';

const SETTINGS = '/managed/settings';
const contractor = { groups: ['contractors'], email: 'con@example.com' };
const developer = { groups: ['eng'], email: 'dev@example.com' };

function policy(settings: JsonObject, overrides: Partial<Policy> = {}): Policy {
  const match = { groups: null, emailDomain: null };
  return { match, kind: 'cli', settings, serveToDesktop: null, ...overrides };
}

function book(...policies: Policy[]): PolicyBookOptions {
  return { policies, mode: 'first_match', push: { env: null, modelPricing: null } };
}

const restricted = policy(
  { availableModels: ['haiku'] },
  { match: { groups: ['contractors'], emailDomain: null } },
);

interface Body {
  readonly checksum?: string;
  readonly settings?: JsonObject;
  readonly data?: readonly { readonly id: string }[];
  readonly error?: { readonly type: string };
}

async function read(answer: Response): Promise<Body> {
  return (await answer.json()) as Body;
}

describe('GET /managed/settings', () => {
  test('a client polls with its ETag and hears nothing until the policy changes', async () => {
    await using server = await openPolicyServer({ book: book(policy({ env: { A: '1' } })) });
    const first = await server.request(developer, SETTINGS);
    const etag = first.headers.get('etag') ?? '';
    assert.equal((await read(first)).checksum, etag.replaceAll('"', ''));
    const poll = () => server.request(developer, SETTINGS, { headers: { 'if-none-match': etag } });
    assert.equal((await poll()).status, 304);
    server.useBook(book(policy({ env: { A: '2' } })));
    const changed = await poll();
    assert.equal(changed.status, 200);
    assert.deepEqual((await read(changed)).settings, { env: { A: '2' } });
  });

  test('serving is audited with who, which policy and which checksum', async () => {
    await using server = await openPolicyServer({ book: book(restricted, policy({})) });
    const { checksum } = await read(await server.request(developer, SETTINGS));
    const [line] = server.log.lines;
    assert.equal(line?.message, 'managed.serve');
    const { request_id: requestId, ...fields } = line.fields;
    assert.ok(requestId);
    const who = { sub: 'u1', email: 'dev@example.com' };
    assert.deepEqual(fields, { ...who, policy_index: 1, checksum, not_modified: false });
  });

  for (const agent of [
    'claude-code/2.1.330 (external, claude-desktop)',
    'claude-cli/2.1.330 (external, claude-desktop-3p)',
    'claude-cli/2.1.330 (external, local-agent)',
    'claude-cli/2.1.330 (external, claude-desktop, agent-sdk/0.1)',
  ]) {
    test(`${agent} gets settings only where the policy serves Claude Desktop`, async () => {
      const headers = { 'user-agent': agent };
      const ask = async (options: Partial<Policy>) => {
        await using server = await openPolicyServer({ book: book(policy({}, options)) });
        const answer = await server.request(developer, SETTINGS, { headers });
        return [answer.status, answer.status === 404 ? await answer.text() : ''];
      };
      assert.deepEqual(await ask({}), [404, 'not served to Claude Desktop sessions']);
      assert.deepEqual(await ask({ serveToDesktop: true }), [200, '']);
      assert.deepEqual(await ask({ kind: 'code' }), [200, '']);
    });
  }

  for (const agent of [
    'claude-cli/2.1.330 (external, cli)',
    'claude-code/2.1.330',
    'claude-desktop/1.0',
    'Mozilla/5.0 Claude/1.2.3 Electron',
  ]) {
    test(`${agent} is not taken for a Claude Desktop session`, async () => {
      await using server = await openPolicyServer({ book: book(policy({})) });
      const headers = { 'user-agent': agent };
      assert.equal((await server.request(developer, SETTINGS, { headers })).status, 200);
    });
  }
});

describe('GET /v1/models', () => {
  const gold: UpstreamRef = { name: 'a', provider: 'anthropic', models: null, groups: ['gold'] };
  const few = ['claude-sonnet-4-6', 'claude-haiku-4-5'];
  const everyone: UpstreamRef = { name: 'b', provider: 'anthropic', models: few, groups: null };

  async function idsFor(
    person: typeof developer,
    options: { book?: PolicyBookOptions; upstreams?: UpstreamRef[] },
  ) {
    await using server = await openPolicyServer({ upstreams: [gold, everyone], ...options });
    const page = await read(await server.request(person, '/v1/models?limit=1'));
    assert.deepEqual(
      { ...page, data: [] },
      { data: [], has_more: false, first_id: null, last_id: null },
    );
    return page.data?.map(({ id }) => id) ?? [];
  }

  test('only upstreams that serve the person count', async () => {
    assert.deepEqual(await idsFor(developer, {}), [
      'claude-haiku-4-5-20251001',
      'claude-sonnet-4-6',
    ]);
    assert.equal((await idsFor({ ...developer, groups: ['gold'] }, {})).length, 15);
  });

  test('a role sees its own models only', async () => {
    const ids = await idsFor(contractor, { book: book(restricted) });
    assert.deepEqual(ids, ['claude-haiku-4-5-20251001']);
  });

  test('the built-ins are listed as captured from the reference', async () => {
    const path = new URL('../wire/captures/14-models.json', import.meta.url);
    const captured: { data: { id: string }[] } = JSON.parse(readFileSync(path, 'utf8'));
    await using server = await openPolicyServer({ upstreams: [{ ...gold, groups: null }] });
    const answer = await server.request(developer, '/v1/models');
    assert.deepEqual(await answer.json(), captured);
  });

  test("the operator's models come first, with label and description", async () => {
    const upstreamModel = { a: 'opus-on-a' };
    const models = [{ id: 'claude-opus-4-8', label: 'Opus!', description: 'desc', upstreamModel }];
    const catalogue = createCatalogue({ models, autoIncludeBuiltinModels: false });
    await using server = await openPolicyServer({
      catalogue,
      upstreams: [{ ...gold, groups: null }],
    });
    const { data } = await read(await server.request(developer, '/v1/models'));
    const row = { type: 'model', id: 'claude-opus-4-8', display_name: 'Opus!' };
    assert.deepEqual(data, [{ ...row, description: 'desc' }]);
  });
});

test('Claude Desktop is told that it is not configured, and the refusal is audited', async () => {
  await using server = await openPolicyServer();
  const answer = await server.request(developer, '/user/bootstrap');
  assert.equal(answer.status, 404);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal((await read(answer)).error?.type, 'not_found_error');
  assert.equal(server.log.lines[0]?.message, 'desktop_bootstrap.denied');
});
