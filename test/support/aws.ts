// Upstreams at Amazon with the test's own keys, and answers as Bedrock gives them: binary events.

import { EventStreamCodec } from '@smithy/eventstream-codec';
import type {
  AnthropicAwsUpstreamConfig,
  BedrockUpstreamConfig,
  MantleUpstreamConfig,
} from '#shared/config/schema-upstreams.ts';
import type { AwsAuth } from '#shared/config/schema-upstreams-aws.ts';
import { createSecret } from '#shared/config/secret.ts';
import { createAnthropicAwsUpstream } from '../../services/data-plane/upstreams/anthropic-aws.ts';
import type { KeySource } from '../../services/data-plane/upstreams/aws-credentials.ts';
import { createBedrockUpstream } from '../../services/data-plane/upstreams/bedrock.ts';
import { createMantleUpstream } from '../../services/data-plane/upstreams/mantle.ts';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { createTestClock, NOON_MS, type TestClock } from './clock.ts';
import { createMemoryLog } from './log.ts';
import type { SignatureCheck } from './sigv4.ts';
import type { Behaviour } from './upstream.ts';

export const ACCESS_KEY_ID = 'AKIAFAKE';
export const SECRET_ACCESS_KEY = 'not/a+real/secret';
const KEYS: AwsAuth = {
  kind: 'keys',
  accessKeyId: ACCESS_KEY_ID,
  secretAccessKey: createSecret(SECRET_ACCESS_KEY),
  sessionToken: null,
};
export const BEARER: AwsAuth = { kind: 'bearer', token: createSecret('bt') };
export const API_KEY: AwsAuth = { kind: 'api_key', key: createSecret('aws-key') };

export interface AwsSketch {
  readonly baseUrl?: string;
  readonly name?: string;
  readonly region?: string;
  readonly auth?: AwsAuth;
  readonly clock?: TestClock;
  readonly log?: ReturnType<typeof createMemoryLog>;
  readonly keys?: KeySource;
  readonly guardrail?: { readonly id: string; readonly version: string };
}

export function signatureCheck(
  service: string,
  more: Partial<SignatureCheck> = {},
): SignatureCheck {
  return {
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    region: 'us-east-1',
    service,
    nowMs: NOON_MS,
    ...more,
  };
}

export function bedrockAt(sketch: AwsSketch = {}): Upstream {
  const { guardrail } = sketch;
  const config: BedrockUpstreamConfig = {
    provider: 'bedrock',
    ...fields(sketch, 'bedrock'),
    ...(guardrail === undefined ? {} : { guardrail }),
  };
  return createBedrockUpstream(config, options(sketch));
}

export function mantleAt(sketch: AwsSketch = {}): Upstream {
  const models = ['claude-opus-4-8', 'claude-haiku-4-5'];
  const config: MantleUpstreamConfig = { provider: 'mantle', ...fields(sketch, 'mantle'), models };
  return createMantleUpstream(config, options(sketch));
}

export function anthropicAwsAt(sketch: AwsSketch = {}): Upstream {
  const config: AnthropicAwsUpstreamConfig = {
    provider: 'anthropicAws',
    ...fields(sketch, 'anthropicAws'),
    workspace_id: 'wrkspc_123',
  };
  return createAnthropicAwsUpstream(config, options(sketch));
}

function fields({ name, region, auth, baseUrl }: AwsSketch, provider: string) {
  return {
    name: name ?? provider,
    region: region ?? 'us-east-1',
    headers: {},
    auth: auth ?? KEYS,
    ...(baseUrl === undefined ? {} : { base_url: baseUrl }),
  };
}

function options({ clock, log, keys }: AwsSketch) {
  return {
    version: '0.0.0-test',
    clock: clock ?? createTestClock(),
    log: log ?? createMemoryLog(),
    ...(keys === undefined ? {} : { keys }),
  };
}

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString(),
  (text) => Buffer.from(text),
);

/** A message with headers of text. */
export function message(headers: Readonly<Record<string, string>>, body: string): Buffer {
  const typed = Object.entries(headers).map(
    ([name, value]) => [name, { type: 'string', value }] as const,
  );
  return Buffer.from(codec.encode({ headers: Object.fromEntries(typed), body: Buffer.from(body) }));
}

/** One of Anthropic's events as Bedrock wraps it, with the padding that hides its length. */
export function chunk(json: string): Buffer {
  const headers = {
    ':event-type': 'chunk',
    ':content-type': 'application/json',
    ':message-type': 'event',
  };
  const bytes = Buffer.from(json).toString('base64');
  return message(headers, JSON.stringify({ bytes, p: 'abcdefghijklmnop'.slice(json.length % 16) }));
}

export function exception(type: string, body: object): Buffer {
  const headers = {
    ':exception-type': type,
    ':content-type': 'application/json',
    ':message-type': 'exception',
  };
  return message(headers, JSON.stringify(body));
}

/** The events of a stream of Anthropic's, each as a message. */
export function messagesOf(sse: string): Buffer[] {
  return [...sse.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => chunk(json));
}

/** Bedrock's stream of these messages. */
export function streamsBinary(messages: readonly Buffer[]): Behaviour {
  return (res) => {
    res.writeHead(200, {
      'content-type': 'application/vnd.amazon.eventstream',
      'x-amzn-requestid': 'amzn-1',
    });
    for (const one of messages) res.write(one);
    res.end();
  };
}
