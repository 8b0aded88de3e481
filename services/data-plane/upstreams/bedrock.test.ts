import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AwsSketch, anthropicAwsAt, bedrockAt, mantleAt } from '../../../test/support/aws.ts';
import { createTestClock } from '../../../test/support/clock.ts';
import { TEST_PRINCIPAL } from '../../../test/support/http.ts';
import { scanMessageRequest } from '../scan.ts';
import type { PreparedRequest, Upstream, UpstreamRequest } from './upstream.ts';

const PROMPT = '{"model":"m","max_tokens":1}';
const MODEL = 'us.anthropic.claude-opus-4-8';
type Sent = Omit<PreparedRequest, 'body' | 'headers'> & {
  readonly body: string;
  readonly headers: ReadonlyMap<string, string>;
};

/** The request as the upstream gets it, in pieces of every size that must all come to the same. */
async function prepared(
  upstream: Upstream,
  body: string,
  request: Partial<UpstreamRequest> = {},
): Promise<Sent> {
  const bytes = Buffer.from(body);
  const results: Sent[] = [];
  for (let size = 1; size <= bytes.length; size += 1) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const scan = scanMessageRequest(chunks);
    if (scan.outcome !== 'facts') assert.fail(scan.message);
    const { facts } = scan;
    const own = await upstream.prepare({
      operation: 'messages',
      search: '?beta=true',
      headers: {},
      chunks,
      scanned: facts.scanned,
      isStream: facts.isStream,
      requestedModel: 'claude-opus-4-8',
      upstreamModel: MODEL,
      dropTags: false,
      principal: TEST_PRINCIPAL,
      ...request,
    });
    const list = own.headers;
    const pairs = list.flatMap((name, at) => (at % 2 ? [] : [[name, list[at + 1] ?? ''] as const]));
    const headers = new Map(pairs);
    assert.equal(headers.size, pairs.length, 'no header is sent twice');
    results.push({ ...own, headers, body: Buffer.concat(own.body).toString() });
  }
  const [first = assert.fail()] = results;
  for (const { body: other, headers } of results) {
    assert.equal(other, first.body);
    assert.deepEqual(headers, first.headers);
  }
  return first;
}

const bedrock = (body: string, request: Partial<UpstreamRequest> = {}, sketch: AwsSketch = {}) =>
  prepared(bedrockAt(sketch), body, request);

describe('where a request goes', () => {
  const places = [
    [bedrockAt, 'https://bedrock-runtime.eu-west-1.amazonaws.com', `/model/${MODEL}/invoke`],
    [mantleAt, 'https://bedrock-mantle.eu-west-1.api.aws', '/anthropic/v1/messages'],
    [anthropicAwsAt, 'https://aws-external-anthropic.eu-west-1.api.aws', '/v1/messages'],
  ] as const;
  for (const [create, origin, path] of places) {
    test(origin, async () => {
      const upstream = create({ region: 'eu-west-1' });
      const sent = await prepared(upstream, PROMPT);
      assert.deepEqual([sent.origin, sent.path], [origin, path]);
      assert.deepEqual([upstream.endpoint, upstream.region], ['regional', 'eu-west-1']);
    });
  }

  test('behind base_url everything in front of the path is the operator’s', async () => {
    const baseUrl = 'https://vpce-1.example.com:8443/aws/';
    const ends = [`/aws/model/${MODEL}/invoke`, '/aws/v1/messages', '/aws/v1/messages'];
    for (const [at, create] of [bedrockAt, mantleAt, anthropicAwsAt].entries()) {
      const { origin, path } = await prepared(create({ baseUrl }), PROMPT);
      assert.deepEqual([origin, path], ['https://vpce-1.example.com:8443', ends[at]]);
    }
  });

  test('a stream, a dated model and an ARN', async () => {
    const stream = await bedrock('{"model":"m","stream":true}');
    assert.equal(stream.path, `/model/${MODEL}/invoke-with-response-stream`);
    const dated = await bedrock(PROMPT, { upstreamModel: 'anthropic.claude-x-20250929-v1:0' });
    assert.equal(dated.path, '/model/anthropic.claude-x-20250929-v1:0/invoke');
    const arn = await bedrock(PROMPT, { upstreamModel: 'arn:aws:bedrock:r:1:profile/x?y#z' });
    assert.equal(arn.path, '/model/arn:aws:bedrock:r:1:profile%2Fx%3Fy%23z/invoke');
  });
});

describe('the body of Bedrock', () => {
  const version = '"anthropic_version":"bedrock-2023-05-31"';

  test('loses model, stream and tags and gains the version; every other byte stays', async () => {
    const body =
      '{ "n":12345678901234567890, "model":"m" , "f":1.0,"tags":{"a":"b"},"stream":true, "e":"\\u00e9é" }';
    const { body: sent } = await bedrock(body);
    assert.equal(sent, `{${version}, "n":12345678901234567890,  "f":1.0, "e":"\\u00e9é" }`);
  });

  test('has the betas of the header behind its own, each once, without that of the tags', async () => {
    const headers = { 'anthropic-beta': 'b, request-tags-2026-08-21,c,a' };
    for (const [own, expected] of [
      ['', `${version},"anthropic_beta":["b","c","a"],`],
      ['"anthropic_beta": ["a"] ,', `${version},"anthropic_beta": ["a","b","c"] ,`],
      ['"anthropic_beta":[],', `${version},"anthropic_beta":["b","c","a"],`],
      // Bedrock says itself what is wrong with these.
      ['"anthropic_beta":"x",', `${version},"anthropic_beta":"x",`],
      ['"anthropic_beta":[1],', `${version},"anthropic_beta":[1],`],
    ]) {
      const { body, headers: sent } = await bedrock(`{"model":"m",${own}"x":1}`, { headers });
      assert.equal(body, `{${expected}"x":1}`);
      assert.equal(sent.has('anthropic-beta'), false);
    }
  });

  test('has no empty list of betas', async () => {
    const { body } = await bedrock('{"model":"m","anthropic_beta":["request-tags-2026-08-21"]}');
    assert.equal(body, `{${version}}`);
  });

  test('two lists of betas are refused', () => {
    const scan = scanMessageRequest([
      Buffer.from('{"model":"m","anthropic_beta":[],"anthropic_beta":[]}'),
    ]);
    assert.equal(scan.outcome, 'bad');
  });
});

describe('counting on Bedrock', () => {
  const count = async (body: string, request: Partial<UpstreamRequest> = {}) => {
    const sent = await bedrock(body, { operation: 'count_tokens', ...request });
    const { input } = JSON.parse(sent.body) as { input: { invokeModel: { body: string } } };
    return { ...sent, inner: Buffer.from(input.invokeModel.body, 'base64').toString() };
  };
  const start = '{"anthropic_version":"bedrock-2023-05-31","max_tokens":';

  test('asks for the model itself, whatever profile answers', async () => {
    for (const [upstreamModel, path] of [
      [MODEL, 'anthropic.claude-opus-4-8'],
      ['global.anthropic.claude-opus-4-6-v1', 'anthropic.claude-opus-4-6-v1'],
      [
        'arn:aws:bedrock:r:1:inference-profile/eu.anthropic.claude-opus-5',
        'anthropic.claude-opus-5',
      ],
      ['arn:aws:bedrock:r:1:application-inference-profile/x', 'anthropic.claude-opus-4-8'],
      ['xx.anthropic.claude-unheard-of', 'anthropic.claude-opus-4-8'],
    ]) {
      const sent = await count(PROMPT, { upstreamModel: upstreamModel ?? '' });
      assert.equal(sent.path, `/model/${path}/count-tokens`);
    }
    const request = { upstreamModel: 'xx.anthropic.new', requestedModel: 'mine' };
    assert.equal((await count(PROMPT, request)).path, '/model/anthropic.new/count-tokens');
  });

  test('has more tokens than the model may think, and none but the one known beta', async () => {
    const headers = { 'anthropic-beta': 'x,claude-code-20250219,y' };
    for (const [body, request, expected] of [
      ['{"model":"m","x":1.0}', {}, '1,"x":1.0}'],
      ['{"model":"m","max_tokens":7}', {}, '7}'],
      ['{"model":"m","thinking":{"budget_tokens":5}}', {}, '6,"thinking":{"budget_tokens":5}}'],
      ['{"model":"m","tools":[ ],"a":"é"}', {}, '1,"a":"é"}'],
      ['{"model":"m","tools":[1]}', {}, '1,"tools":[1]}'],
      ['{"model":"m"}', { headers }, '1,"anthropic_beta":["claude-code-20250219"]}'],
      ['{"model":"m","anthropic_beta":["z"]}', {}, '1}'],
    ] as const) {
      assert.equal((await count(body, request)).inner, `${start}${expected}`);
    }
  });

  test('a model that could not be counted is not asked about for ten minutes', async () => {
    const clock = createTestClock();
    const upstream = bedrockAt({ clock });
    const asked = {
      operation: 'count_tokens',
      upstreamModel: MODEL,
      requestedModel: 'm',
    } as const;
    const ask = (more = {}) => prepared(upstream, PROMPT, { ...asked, ...more });
    await ask();
    const reply = { status: 403, headers: {}, body: Buffer.from('{}') };
    assert.equal(upstream.translateError(reply, 'r', asked).status, 501);
    clock.advance(599_999);
    // Its own answer makes the time no longer.
    upstream.translateError(reply, 'r', asked);
    await assert.rejects(ask(), { name: 'KnownRefusal', status: 501 });
    await ask({ upstreamModel: 'another' });
    await ask({ operation: 'messages' });
    clock.advance(1);
    await ask();
  });
});

describe('headers', () => {
  const headers = {
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'a,request-tags-2026-08-21, b',
    'anthropic-workspace-id': 'theirs',
    'content-type': 'text/x\u00e9',
    'x-api-key': 'mine',
    'x-amz-date': 'mine',
    'x-amzn-bedrock-guardrailidentifier': 'mine',
    authorization: 'Bearer mine',
  };

  test('of Bedrock', async () => {
    const guardrail = { id: 'g', version: '1' };
    const { headers: sent } = await bedrock(PROMPT, { headers }, { guardrail });
    assert.equal(sent.get('x-amzn-bedrock-guardrailidentifier'), 'g');
    assert.equal(sent.get('x-amzn-bedrock-guardrailversion'), '1');
    assert.equal(sent.get('content-type'), 'application/json');
    assert.match(sent.get('authorization') ?? '', /^AWS4-HMAC-SHA256 /);
    assert.match(sent.get('x-amz-date') ?? '', /^20261124T120000Z$/);
    for (const name of ['anthropic-beta', 'anthropic-workspace-id', 'x-api-key']) {
      assert.equal(sent.has(name), false, name);
    }
    const { headers: plain } = await bedrock(PROMPT, { headers });
    assert.equal(plain.has('x-amzn-bedrock-guardrailidentifier'), false);
  });

  test('of the endpoints in Anthropic’s format', async () => {
    const body = '{"model":"m","tags":{}}';
    const mantle = await prepared(mantleAt(), body, { headers, upstreamModel: 'n' });
    assert.equal(mantle.headers.get('anthropic-beta'), 'a,b');
    assert.equal(mantle.headers.has('anthropic-workspace-id'), false);
    assert.equal(mantle.body, '{"model":"n"}');
    const at = { headers, upstreamModel: 'm', requestedModel: 'm' };
    const aws = await prepared(anthropicAwsAt(), body, at);
    assert.equal(aws.headers.get('anthropic-beta'), 'a,request-tags-2026-08-21, b');
    assert.equal(aws.headers.get('anthropic-workspace-id'), 'wrkspc_123');
    assert.equal(aws.body, body);
    const tagged = await prepared(anthropicAwsAt(), body, { ...at, dropTags: true });
    assert.equal(tagged.headers.get('anthropic-beta'), 'a,b');
    assert.equal(tagged.body, '{"model":"m"}');
  });
});
