// What makes each provider's API its own, as captured (test/wire/captures) and as its pages say: the entry
// of gateway.yaml, path, credentials, where model and betas stand, the words for a prompt too long.

import assert from 'node:assert/strict';
import { ACCESS_KEY_ID, SECRET_ACCESS_KEY, signatureCheck } from './aws.ts';
import { type Prompt, TOO_LONG } from './scripted-model.ts';
import { checkSignature } from './sigv4.ts';
import type { SeenRequest } from './upstream.ts';

export interface Refusal {
  readonly status: number;
  readonly body: object;
}

export interface Told {
  readonly isStream: boolean;
  readonly model: string;
  readonly betas: readonly string[];
}

export interface Dialect {
  /** Keys of its entry in `upstreams`, without name, groups and base_url. */
  readonly yaml: readonly string[];
  /** Its groups, where the provider has them there: the model's id, and the method. */
  readonly path: RegExp;
  readonly isBinary: boolean;
  /** By a name for each; the first is the usual one. */
  readonly tooLong: Readonly<Record<string, Refusal>>;
  /** Throws unless the credentials are good. */
  check(seen: SeenRequest): void;
  /** Throws unless model, betas and version stand where the provider looks for them. */
  read(request: { seen: SeenRequest; prompt: Prompt; inPath: readonly string[] }): Told;
}

/** What clients ask for. */
export const MODEL = 'claude-opus-4-8';

const KEY = 'test-only-upstream-key';
const AWS = [
  'region: us-east-1',
  `auth: { aws_access_key_id: ${ACCESS_KEY_ID}, aws_secret_access_key: '${SECRET_ACCESS_KEY}' }`,
];

const byKey = ({ headers }: SeenRequest) => assert.equal(headers['x-api-key'], KEY);
const byGoogle = ({ headers }: SeenRequest) =>
  assert.match(headers['authorization'] ?? '', /^Bearer t\d+$/);
const bySignature = (service: string) => (seen: SeenRequest) =>
  checkSignature(seen, signatureCheck(service, { nowMs: Date.now() }));

const betasIn = ({ headers }: SeenRequest) => String(headers['anthropic-beta'] ?? '').split(',');

const anthropicsOwn: Dialect['read'] = ({ seen, prompt }) => {
  assert.equal(seen.headers['anthropic-version'], '2023-06-01');
  const model = prompt.model ?? assert.fail('no model');
  return { isStream: prompt['stream'] === true, model, betas: betasIn(seen) };
};

/** A cloud that wants the version in the body and the model in the path, and there alone. */
function modelInPath(prompt: Prompt, version: string, [model = '']: readonly string[]): string {
  assert.equal(prompt['anthropic_version'], version);
  assert.equal(prompt.model, undefined);
  return decodeURIComponent(model);
}

const ENVELOPE = {
  'Anthropic’s sentence': {
    status: 400,
    body: { type: 'error', error: { type: 'invalid_request_error', message: TOO_LONG } },
  },
};

const ANTHROPICS = { isBinary: false, tooLong: ENVELOPE, read: anthropicsOwn } as const;
const GOOGLE_SIZE = 'The request size (30037042 bytes) exceeds 30.000MB limit.';
const VERTEX_MODELS = 'projects/my-project/locations/us-east5/publishers/anthropic/models';
const WORKSPACE = 'projects/my-project/locations/global/workspaces/wrkspc_1';

export const DIALECTS = {
  anthropic: {
    ...ANTHROPICS,
    yaml: [`auth: { api_key: ${KEY} }`],
    path: /^\/v1\/messages\?beta=true$/,
    check: byKey,
  },
  vertex: {
    yaml: ['region: us-east5', 'project_id: my-project'],
    path: new RegExp(`^/v1/${VERTEX_MODELS}/([^/]+):(rawPredict|streamRawPredict)$`),
    isBinary: false,
    tooLong: {
      ...ENVELOPE,
      'Google’s limit in bytes': {
        status: 400,
        body: { error: { code: 400, message: GOOGLE_SIZE, status: 'INVALID_ARGUMENT' } },
      },
    },
    check: byGoogle,
    read({ seen, prompt, inPath }) {
      const model = modelInPath(prompt, 'vertex-2023-10-16', inPath);
      return { isStream: inPath[1] === 'streamRawPredict', model, betas: betasIn(seen) };
    },
  },
  anthropicGoogleCloud: {
    ...ANTHROPICS,
    yaml: ['project_id: my-project', 'workspace_id: wrkspc_1'],
    path: new RegExp(`^/v1/${WORKSPACE}/invoke/v1/messages$`),
    check: byGoogle,
  },
  bedrock: {
    yaml: AWS,
    path: /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/,
    isBinary: true,
    tooLong: {
      'Amazon’s sentence': {
        status: 400,
        body: { message: 'Input is too long for requested model.' },
      },
      'Amazon’s limit in bytes': { status: 400, body: { message: 'Input is too long.' } },
      'the model’s sentence': { status: 400, body: { message: TOO_LONG } },
    },
    check: bySignature('bedrock'),
    read({ seen, prompt, inPath }) {
      assert.equal(prompt['stream'], undefined);
      assert.equal(seen.headers['anthropic-beta'], undefined);
      const model = modelInPath(prompt, 'bedrock-2023-05-31', inPath);
      const betas = prompt['anthropic_beta'] as string[];
      return { isStream: inPath[1] !== 'invoke', model, betas };
    },
  },
  mantle: {
    ...ANTHROPICS,
    yaml: [...AWS, `models: [${MODEL}, claude-haiku-4-5]`],
    path: /^\/v1\/messages$/,
    check: bySignature('bedrock-mantle'),
  },
  anthropicAws: {
    ...ANTHROPICS,
    yaml: [...AWS, 'workspace_id: wrkspc_1'],
    path: /^\/v1\/messages$/,
    check(seen) {
      bySignature('aws-external-anthropic')(seen);
      assert.equal(seen.headers['anthropic-workspace-id'], 'wrkspc_1');
    },
  },
  foundry: {
    ...ANTHROPICS,
    yaml: [`auth: { api_key: ${KEY} }`],
    path: /^\/v1\/messages$/,
    check: byKey,
  },
} as const satisfies Record<string, Dialect>;

export type Provider = keyof typeof DIALECTS;
export const PROVIDERS = Object.keys(DIALECTS) as readonly Provider[];
