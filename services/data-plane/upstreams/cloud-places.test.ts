import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anthropicGoogleCloudAt, foundryAt } from '../../../test/support/cloud-upstreams.ts';
import { TEST_PRINCIPAL } from '../../../test/support/http.ts';
import { scanMessageRequest } from '../scan.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

async function prepared(upstream: Upstream, request: Partial<UpstreamRequest> = {}) {
  const chunks = [Buffer.from('{"model":"m","tags":{"a":1},"n":1.0}')];
  const scan = scanMessageRequest(chunks);
  if (scan.outcome !== 'facts') assert.fail(scan.message);
  const own = await upstream.prepare({
    operation: 'messages',
    search: '?beta=true',
    headers: {},
    chunks,
    scanned: scan.facts.scanned,
    isStream: false,
    requestedModel: 'm',
    upstreamModel: 'm',
    dropTags: false,
    principal: TEST_PRINCIPAL,
    ...request,
  });
  const headers: Record<string, string> = {};
  for (let at = 0; at < own.headers.length; at += 2) {
    const name = own.headers[at] ?? '';
    assert.equal(headers[name], undefined, `${name} is sent once`);
    headers[name] = own.headers[at + 1] ?? '';
  }
  return { url: `${own.origin}${own.path}`, headers, body: Buffer.concat(own.body).toString() };
}

describe('Anthropic on Google Cloud', () => {
  const place = 'projects/secret-project-123/locations/global/workspaces/wrkspc_1/invoke';
  for (const [baseUrl, root] of [
    ['https://psc.example.com', 'https://psc.example.com/v1'],
    ['https://psc.example.com/v1', 'https://psc.example.com/v1'],
    ['https://psc.example.com/extra/', 'https://psc.example.com/extra/v1'],
  ] as const) {
    test(`at base_url ${baseUrl}`, async () => {
      const { url } = await prepared(anthropicGoogleCloudAt({ baseUrl }));
      assert.equal(url, `${root}/${place}/v1/messages`);
    });
  }

  test('is priced as a global endpoint', () => {
    const { endpoint, region } = anthropicGoogleCloudAt();
    assert.deepEqual([endpoint, region], ['global', 'global']);
  });
});

describe('Foundry', () => {
  test('base_url replaces everything before /v1/messages', async () => {
    const upstream = await foundryAt({ baseUrl: 'https://llm.example.com/azure/' });
    const { url } = await prepared(upstream, { operation: 'count_tokens' });
    assert.equal(url, 'https://llm.example.com/azure/v1/messages/count_tokens');
  });

  test('a deployment’s name replaces the model, and nothing else changes', async () => {
    const { body } = await prepared(await foundryAt(), { upstreamModel: 'my-deployment' });
    assert.equal(body, '{"model":"my-deployment","tags":{"a":1},"n":1.0}');
  });

  test('a token of Microsoft’s is a bearer, without a key', async () => {
    const { headers } = await prepared(await foundryAt({ token: async () => 'entra' }));
    assert.deepEqual([headers['authorization'], headers['x-api-key']], ['Bearer entra', undefined]);
  });
});

test('headers of the operator’s stand in place of the client’s, betas beside them', async () => {
  const own = { 'X-Team': 'platform', 'User-Agent': 'ours', 'anthropic-beta': 'b' };
  const client = { 'anthropic-beta': 'a', 'user-agent': 'theirs', 'x-team': 'spoof' };
  const { headers } = await prepared(await foundryAt({ headers: own }), { headers: client });
  assert.equal(headers['x-team'], 'platform');
  assert.equal(headers['user-agent'], 'ours');
  assert.equal(headers['anthropic-beta'], 'a,b');
});

test('which workspace pays is not the client’s to say', async () => {
  const client = { 'anthropic-workspace-id': 'w', 'anthropic-future': 'x' };
  const { headers } = await prepared(anthropicGoogleCloudAt(), { headers: client });
  assert.deepEqual(
    [headers['anthropic-workspace-id'], headers['anthropic-future']],
    [undefined, 'x'],
  );
});
