// Claude on Amazon: Bedrock's own API, Bedrock's Messages endpoint, and Anthropic's API on AWS.

import { z } from 'zod';
import { listOf, section, text, textLike } from './field.ts';
import type { Secret } from './secret.ts';
import { common, credential } from './upstream-fields.ts';

export type AwsAuth =
  /** What the machine has: environment, profile, web identity, container or instance role. */
  | { readonly kind: 'default' }
  | {
      readonly kind: 'keys';
      readonly accessKeyId: string;
      readonly secretAccessKey: Secret;
      readonly sessionToken: Secret | null;
    }
  /** Sent as a bearer; nothing is signed. */
  | { readonly kind: 'bearer'; readonly token: Secret }
  /** Sent as x-api-key; nothing is signed. */
  | { readonly kind: 'api_key'; readonly key: Secret };

const KEYS = 'aws_access_key_id with aws_secret_access_key';
const HEADER_TEXT = /^[\x21-\x7e]+$/;
const MANTLE_MODELS =
  'a list of the models that your account has on Mantle, named as clients send them';

const keys = {
  aws_access_key_id: textLike(/^\w+$/, 'the id of an AWS access key').optional(),
  aws_secret_access_key: credential().optional(),
  /** Of temporary keys. */
  aws_session_token: credential().optional(),
};

interface WrittenAuth {
  readonly aws_access_key_id?: string | undefined;
  readonly aws_secret_access_key?: Secret | undefined;
  readonly aws_session_token?: Secret | undefined;
  readonly aws_bearer_token?: Secret | undefined;
  readonly api_key?: Secret | undefined;
}

/** Exactly one kind of credentials; none at all is the default chain. */
function readAuth(other: 'aws_bearer_token' | 'api_key') {
  return (written: WrittenAuth, context: z.RefinementCtx): AwsAuth => {
    const { aws_access_key_id: id, aws_secret_access_key: secret } = written;
    const { aws_session_token: session, aws_bearer_token: token, api_key: key } = written;
    const hasKeys = id !== undefined || secret !== undefined || session !== undefined;
    if (hasKeys && token === undefined && key === undefined) {
      if (id !== undefined && secret !== undefined) {
        const sessionToken = session ?? null;
        return { kind: 'keys', accessKeyId: id, secretAccessKey: secret, sessionToken };
      }
    } else if (!hasKeys) {
      if (token !== undefined) return { kind: 'bearer', token };
      return key === undefined ? { kind: 'default' } : { kind: 'api_key', key };
    }
    const message = `${KEYS}, or ${other}, or nothing for what the machine has`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
}

const bedrockAuth = section({
  ...keys,
  /** A Bedrock API key, sent as a bearer. */
  aws_bearer_token: credential().optional(),
})
  .transform(readAuth('aws_bearer_token'))
  .prefault({});

const region = textLike(/^[a-z]{2}(-[a-z]+)+-\d+$/, 'an AWS region like us-east-1');

/** Claude on Amazon Bedrock. */
export const bedrock = section({
  provider: z.literal('bedrock'),
  ...common,
  region,
  /** Absent or empty: the default chain. */
  auth: bedrockAuth,
  /** The guardrail that checks every request here. Absent: none. */
  guardrail: section({
    id: textLike(HEADER_TEXT, 'the id or ARN of a guardrail'),
    version: textLike(HEADER_TEXT, "a guardrail's version in quotes, like '1' or DRAFT"),
  }).optional(),
});

/** Claude on Bedrock's own Messages endpoint. */
export const mantle = section({
  provider: z.literal('mantle'),
  ...common,
  region,
  /** Absent or empty: the default chain. */
  auth: bedrockAuth,
  /** The only models sent here: an account has few of them. */
  models: listOf(text(), MANTLE_MODELS, 1),
});

/** Anthropic's API, run by Anthropic, behind AWS. */
export const anthropicAws = section({
  provider: z.literal('anthropicAws'),
  ...common,
  region,
  workspace_id: textLike(HEADER_TEXT, "the id of an Anthropic workspace, like 'wrkspc_1'"),
  /** Absent or empty: the default chain. */
  auth: section({ ...keys, api_key: credential().optional() })
    .transform(readAuth('api_key'))
    .prefault({}),
});
