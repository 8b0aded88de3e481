import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TEST_PRINCIPAL } from '../../../test/support/http.ts';
import { PROJECT, vertexAt } from '../../../test/support/vertex.ts';
import { scanMessageRequest } from '../scan.ts';
import type { PreparedRequest, UpstreamRequest } from './upstream.ts';

const PROMPT = '{"model":"claude-opus-4-8","max_tokens":1}';

/** The request as Vertex gets it, in pieces of every size that must all come to the same. */
async function prepared(
  body: string,
  sketch: Parameters<typeof vertexAt>[0] = {},
  request: Partial<UpstreamRequest> = {},
): Promise<Omit<PreparedRequest, 'body'> & { readonly body: string }> {
  const bytes = Buffer.from(body);
  const results: (Omit<PreparedRequest, 'body'> & { body: string })[] = [];
  for (let size = 1; size <= bytes.length; size += 1) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const scan = scanMessageRequest(chunks);
    if (scan.outcome !== 'facts') assert.fail(scan.message);
    const { facts } = scan;
    const own = await vertexAt(sketch).prepare({
      operation: 'messages',
      search: '?beta=true',
      headers: {},
      chunks,
      scanned: facts.scanned,
      isStream: facts.isStream,
      requestedModel: facts.model,
      upstreamModel: facts.model,
      dropTags: false,
      principal: TEST_PRINCIPAL,
      ...request,
    });
    results.push({ ...own, body: Buffer.concat(own.body).toString() });
  }
  for (const other of results) assert.deepEqual(other, results[0]);
  return results[0] ?? assert.fail();
}

const modelPath = (region: string) =>
  `/v1/projects/${PROJECT}/locations/${region}/publishers/anthropic/models/`;

describe('where a request goes', () => {
  const hosts = [
    ['us-east5', 'https://us-east5-aiplatform.googleapis.com', 'regional'],
    ['europe-west1', 'https://europe-west1-aiplatform.googleapis.com', 'regional'],
    ['global', 'https://aiplatform.googleapis.com', 'global'],
    ['us', 'https://aiplatform.us.rep.googleapis.com', 'multi_region'],
    ['eu', 'https://aiplatform.eu.rep.googleapis.com', 'multi_region'],
  ] as const;
  for (const [region, origin, endpoint] of hosts) {
    test(region, async () => {
      const { origin: to, path } = await prepared(PROMPT, { region });
      assert.deepEqual([to, path], [origin, `${modelPath(region)}claude-opus-4-8:rawPredict`]);
      const upstream = vertexAt({ region });
      assert.deepEqual([upstream.endpoint, upstream.region], [endpoint, region]);
    });
  }

  const overrides = [
    ['https://psc.example.com', '/v1'],
    ['https://psc.example.com/', '/v1'],
    ['https://psc.example.com/v1', '/v1'],
    ['https://psc.example.com/v1/', '/v1'],
    ['https://psc.example.com/v1beta1', '/v1beta1'],
    ['https://psc.example.com/extra', '/extra/v1'],
    ['https://psc.example.com/extra/v1', '/extra/v1'],
  ] as const;
  for (const [baseUrl, prefix] of overrides) {
    test(`base_url ${baseUrl}`, async () => {
      const { origin, path } = await prepared(PROMPT, { baseUrl });
      const rest = modelPath('us-east5').replace('/v1', prefix);
      assert.deepEqual(
        [origin, path],
        ['https://psc.example.com', `${rest}claude-opus-4-8:rawPredict`],
      );
    });
  }

  test('a stream, a count and a dated model have methods and names of their own', async () => {
    const stream = await prepared('{"stream":true,"model":"m"}');
    assert.equal(stream.path, `${modelPath('us-east5')}m:streamRawPredict`);
    const operation = 'count_tokens';
    const count = await prepared(PROMPT, {}, { operation, upstreamModel: 'claude-x@20250929' });
    assert.equal(count.path, `${modelPath('us-east5')}count-tokens:rawPredict`);
    const dated = await prepared(PROMPT, {}, { upstreamModel: 'claude-x@20250929' });
    assert.equal(dated.path, `${modelPath('us-east5')}claude-x@20250929:rawPredict`);
    const evil = await prepared(PROMPT, {}, { upstreamModel: 'a/../b?c#d' });
    assert.equal(evil.path, `${modelPath('us-east5')}a%2F..%2Fb%3Fc%23d:rawPredict`);
  });
});

describe('the body', () => {
  const version = '"anthropic_version":"vertex-2023-10-16"';

  test('loses model and tags and gains the version; every other byte stays', async () => {
    const body =
      '{ "n":12345678901234567890, "model":"m" , "f":1.0,"tags":{"a":"b"}, "e":"\\u00e9é" }';
    const { body: sent } = await prepared(body);
    assert.equal(sent, `{${version}, "n":12345678901234567890,  "f":1.0, "e":"\\u00e9é" }`);
  });

  test('of nothing but a model is the version alone', async () => {
    const { body } = await prepared('{"model":"m"}');
    assert.equal(body, `{${version}}`);
  });

  test('has the gateway’s version, not the client’s', async () => {
    const { body } = await prepared('{"anthropic_version":"x","model":"m","a":1}');
    assert.equal(body, `{${version},"a":1}`);
  });

  test('of a count keeps the model, under the name that Google knows', async () => {
    const request = { operation: 'count_tokens', upstreamModel: 'm@20250929' } as const;
    const { body } = await prepared('{"model":"m","tags":{},"a":1}', {}, request);
    assert.equal(body, `{${version},"model":"m@20250929","a":1}`);
  });
});

test('the beta of the tags goes with them; other betas and the version header pass', async () => {
  const headers = {
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'a,request-tags-2026-08-21, b',
    'anthropic-workspace-id': 'w',
    'x-api-key': 'mine',
    authorization: 'Bearer mine',
  };
  const { headers: list } = await prepared(PROMPT, {}, { headers });
  const sent = new Map<string, string>();
  for (let at = 0; at < list.length; at += 2) sent.set(list[at] ?? '', list[at + 1] ?? '');
  assert.equal(sent.size, list.length / 2, 'no header is sent twice');
  assert.equal(sent.get('anthropic-beta'), 'a,b');
  assert.equal(sent.get('anthropic-version'), '2023-06-01');
  assert.equal(sent.get('authorization'), 'Bearer google-token');
  assert.deepEqual([sent.has('x-api-key'), sent.has('anthropic-workspace-id')], [false, false]);
});
