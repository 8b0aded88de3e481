import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translateCloudError } from './cloud-errors.ts';

// Captured from the reference gateway 2.1.330 (2026-11-23): what an upstream said, what it became.
const CLASSIFIED: Readonly<Record<string, readonly string[]>> = {
  'thinking_type:adaptive': ['adaptive thinking is not supported on this model'],
  'thinking_type:enabled': [
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"',
  ],
  effort_unsupported: [
    'output_config.effort: Extra inputs are not permitted',
    'This model does not support the effort parameter.',
    'output_config: Extra inputs are not permitted',
  ],
  structured_outputs_unsupported: ['output_config.format: Extra inputs are not permitted'],
  cache_control_field: ['cache_control.scope: Extra inputs are not permitted'],
  document_block: [
    'messages.0.content.1.document: PDF too large',
    'The PDF specified was not valid.',
    'Could not process PDF',
  ],
  image_block: [
    'Could not process image',
    'messages.0.content.0.image.source.base64.data: At least one of the image ' +
      'dimensions exceed max allowed size: 8000 pixels',
    'image exceeds the maximum allowed size',
    'messages.0.content.1.image.source.base64: image exceeds 5 MB maximum',
  ],
  thinking_signature: [
    'messages.5.content.0: thinking blocks cannot be modified',
    'Invalid `signature` in `thinking` block',
    'messages.1.content.0: Invalid `signature` in `thinking` block',
  ],
  prompt_too_long: [
    'prompt is too long: 1 tokens > 2 maximum',
    'Input is too long for requested model.',
    'The model returned the following errors: Input is too long for requested model.',
  ],
  max_tokens_context_overflow: [
    'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000',
  ],
};

const GENERIC: readonly string[] = [
  'thinking: Extra inputs are not permitted',
  'thinking.type: Input should be enabled or disabled',
  "thinking: Input tag 'adaptive' found using 'type' does not match any of the " +
    "expected tags: 'disabled', 'enabled'",
  '`thinking.adaptive` is not supported',
  'budget_tokens: Extra inputs are not permitted',
  'max_tokens must be greater than thinking.budget_tokens',
  'output_format: Extra inputs are not permitted',
  'context_management: Extra inputs are not permitted',
  'tools.0.custom.defer_loading: Extra inputs are not permitted',
  "tools.0: Input tag 'tool_search_tool_regex_20251119' found using 'type' does not match",
  'tools.3.type: Input should be custom',
  'messages.2.content.0.tool_reference: Extra inputs',
  "messages.1: Input tag 'tool_reference' found",
  'messages.3.role: Input should be user or assistant',
  'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter',
  'messages.1.role: system is not supported',
  'system.1.cache_control.ttl: Extra inputs are not permitted',
  'speed: Extra inputs are not permitted',
  'safeguards: Extra inputs are not permitted',
  'tags: Extra inputs are not permitted',
  'mcp_servers: Extra inputs are not permitted',
  'too many images',
  'Expected `thinking` or `redacted_thinking`, but found `text`',
  'messages.1.content.0.type: Expected `thinking`',
  'max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens',
  'tool_use ids were found without tool_result blocks immediately after',
  'messages: text content blocks must be non-empty',
  'temperature: Extra inputs',
  'invalid beta flag',
  'Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header',
  'The long context beta is not yet available for this subscription.',
  'This model does not support assistant message prefill. The conversation must ' +
    'end with a user message.',
  'diagnostics: Extra inputs are not permitted',
  'fallback_model: Extra inputs',
  'credit balance is too low',
  'Malformed input request: #: extraneous key [foo] is not permitted, please ' +
    'reformat your input and try again.',
  'Malformed input request: #/thinking: extraneous key',
];

function told(status: number, body: unknown, project = 'secret-project-123') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const reply = { status, headers: {}, body: Buffer.from(text) };
  const answer = JSON.parse(
    translateCloudError(reply, { project, requestId: 'r1' }).body.toString(),
  );
  assert.deepEqual([answer.type, answer.request_id], ['error', 'r1']);
  return answer.error;
}

const google = (message: string) => ({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } });

for (const [token, sentences] of Object.entries(CLASSIFIED)) {
  test(`400: ${token} is told from its sentences, in every envelope of a cloud`, () => {
    const error = { type: 'invalid_request_error', message: `capability_rejected: ${token}` };
    for (const sentence of sentences) {
      for (const body of [google(sentence), [google(sentence)], { message: sentence }]) {
        assert.deepEqual(told(400, body), error, sentence);
      }
    }
  });
}

test('400: what no client can act upon is the generic line', () => {
  const error = { type: 'invalid_request_error', message: 'upstream rejected the request' };
  for (const sentence of GENERIC) assert.deepEqual(told(400, google(sentence)), error, sentence);
  for (const body of ['<html>bad</html>', '', '[]', '{"error":"x"}', '{"message":7}']) {
    assert.deepEqual(told(400, body), error, body);
  }
});

test('400: a prompt over the cloud\u2019s own limit is too long, in the words that clients know', () => {
  const error = { type: 'invalid_request_error', message: 'Input is too long.' };
  assert.deepEqual(told(400, { message: 'Input is too long.' }), error);
  assert.deepEqual(told(400, google('The request size (30037042 bytes) exceeds 30.000MB')), error);
  assert.deepEqual(told(400, [google('The message size (3 bytes) exceeds 2MB limit.')]), error);
});

test('400: what the model API itself says passes, without the project', () => {
  const said = (message: string) => ({
    type: 'error',
    error: { type: 'invalid_request_error', message },
  });
  assert.equal(told(400, said('prompt is too long: 2 > 1')).message, 'prompt is too long: 2 > 1');
  const secret = 'projects/secret-project-123/locations/x: secret-project-123 is bad';
  assert.equal(
    told(400, said(secret)).message,
    'projects/[redacted]/locations/x: [redacted] is bad',
  );
});
