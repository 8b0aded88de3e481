// Claude on Amazon Bedrock: the model stands in the path, betas and the API version in the body, a
// stream comes as AWS's binary events. Counting is another call, in another shape (bedrock-count.ts).

import type { BedrockUpstreamConfig } from '#shared/config/schema-upstreams.ts';
import { TAGS_BETA, upstreamHeaders } from '../relay-headers.ts';
import { spliceBody } from '../splice.ts';
import { type AmazonOptions, openAmazon } from './amazon.ts';
import { translateEventStream } from './aws-event-stream.ts';
import { BEDROCK_VERSION, betaEdit, betasOf } from './bedrock-body.ts';
import { createBedrockCount } from './bedrock-count.ts';
import { anthropicError } from './cloud-errors.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

/** Its sentence for an id that the region or the account does not have. */
const UNKNOWN_MODEL = /"message"\s*:\s*"The provided model identifier is invalid\./;

export function createBedrockUpstream(
  config: BedrockUpstreamConfig,
  options: AmazonOptions,
): Upstream {
  const { region, guardrail } = config;
  const url = `https://bedrock-runtime.${region}.amazonaws.com`;
  const amazon = openAmazon(config, { url, service: 'bedrock' }, options);
  const counting = createBedrockCount(options.clock);
  return {
    ...amazon,
    async prepare(request) {
      // Its betas stand in the body.
      const { 'anthropic-beta': _betas, ...client } = request.headers;
      const json = { ...client, 'content-type': 'application/json' };
      const headers = upstreamHeaders(json, { format: 'cloud', version: options.version });
      if (request.operation === 'count_tokens') {
        const { path, body, translate } = counting.ask(request);
        return { ...(await amazon.finish(path, headers, body)), translate };
      }
      if (guardrail !== undefined) {
        headers.push('x-amzn-bedrock-guardrailidentifier', guardrail.id);
        headers.push('x-amzn-bedrock-guardrailversion', guardrail.version);
      }
      const path = `/model/${modelSegment(request.upstreamModel)}/${methodFor(request)}`;
      const prepared = await amazon.finish(path, headers, bodyFor(request));
      return { ...prepared, translate: translateEventStream };
    },
    translateError(reply, requestId, { operation, requestedModel, upstreamModel }) {
      if (operation === 'messages') {
        const told = amazon.translateError(reply, requestId);
        if (reply.status !== 400 || !UNKNOWN_MODEL.test(reply.body.toString())) return told;
        const message = `model ${requestedModel} is not available on ${config.name}`;
        return anthropicError(400, { type: 'invalid_request_error', message }, requestId);
      }
      if (counting.failed(upstreamModel)) amazon.translateError(reply, requestId);
      return counting.refusal(requestId);
    },
  };
}

/** Of an ARN the slashes are no separators; colons may stand in a path. */
export function modelSegment(id: string): string {
  return encodeURIComponent(id).replaceAll('%3A', ':');
}

function methodFor({ isStream }: UpstreamRequest): string {
  return isStream ? 'invoke-with-response-stream' : 'invoke';
}

function bodyFor({ chunks, scanned, headers }: UpstreamRequest): Buffer[] {
  const betas = betasOf(headers['anthropic-beta']).filter((beta) => beta !== TAGS_BETA);
  const edit = betaEdit(scanned, (own) => [
    ...new Set([...own.filter((beta) => beta !== TAGS_BETA), ...betas]),
  ]);
  return spliceBody(chunks, scanned, {
    drop: ['model', 'stream', 'tags', 'anthropic_version', ...edit.drop],
    replace: edit.replace,
    add: { anthropic_version: BEDROCK_VERSION, ...edit.add },
  });
}
