// Claude on Google Cloud: the model stands in the path instead of the body, the API version in the body
// instead of a header, and a Google token in front. Errors are Google's and speak of projects and
// permissions, so the client gets our words for them; only the model API's own 400 and 413 pass.

import type { VertexUpstreamConfig } from '#shared/config/schema-upstreams.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { endpointClass } from '#shared/domain/endpoint-class.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { TAGS_BETA, upstreamHeaders } from '../relay-headers.ts';
import { spliceBody } from '../splice.ts';
import { translateCloudError, translateCloudStreamError } from './cloud-errors.ts';
import { readCloudWords } from './cloud-words.ts';
import { createTokenSource, googleTokenFetcher, type TokenSource } from './google-token.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

const ANTHROPIC_VERSION = '"vertex-2023-10-16"';

export interface VertexOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of Google's own; for tests and the demo. */
  readonly tokens?: TokenSource;
}

export function createVertexUpstream(
  config: VertexUpstreamConfig,
  { version, clock, log, tokens: given }: VertexOptions,
): Upstream {
  const { region, project_id: project } = config;
  const base = baseUrl(config);
  const models = `${base.prefix}/projects/${project}/locations/${region}/publishers/anthropic/models`;
  const tokens =
    given ?? createTokenSource({ fetchToken: googleTokenFetcher(config.auth, clock), clock, log });
  const about = (said: Buffer, requestId: string) => {
    const { errorStatus, message } = readCloudWords(said);
    const words = { upstream_status: errorStatus, upstream_message: message };
    return { upstream: config.name, request_id: requestId, ...words };
  };
  return {
    ref: {
      name: config.name,
      provider: 'vertex',
      models: config.models ?? null,
      groups: config.groups ?? null,
    },
    endpoint: endpointClass(region),
    region,
    async prepare(request) {
      const token = await tokens.token();
      const headers = upstreamHeaders(request.headers, {
        format: 'cloud',
        version,
        dropBetas: [TAGS_BETA],
      });
      headers.push('authorization', `Bearer ${token}`);
      for (const [name, value] of Object.entries(config.headers)) {
        headers.push(name, value.reveal());
      }
      const path = `${models}/${methodFor(request)}`;
      return { origin: base.origin, path, headers, body: bodyFor(request) };
    },
    translateError(reply, requestId) {
      const { status, body } = reply;
      log.warn('a cloud refused a request', { ...about(body, requestId), status });
      return translateCloudError(reply, { project, requestId });
    },
    translateStreamError(data, requestId) {
      log.warn('a cloud ended a stream with an error', about(Buffer.from(data), requestId));
      return translateCloudStreamError(data, project);
    },
  };
}

/** Host of a location, or the operator's own; `/v1` is added where it is missing. */
function baseUrl({ base_url, region }: VertexUpstreamConfig): { origin: string; prefix: string } {
  if (base_url === undefined) return { origin: `https://${hostOf(region)}`, prefix: '/v1' };
  const url = new URL(base_url);
  const path = url.pathname.replace(/\/+$/, '');
  const hasVersion = /\/v1(beta1)?$/.test(path);
  return { origin: url.origin, prefix: hasVersion ? path : `${path}/v1` };
}

function hostOf(region: string): string {
  if (region === 'global') return 'aiplatform.googleapis.com';
  if (endpointClass(region) === 'multi_region') return `aiplatform.${region}.rep.googleapis.com`;
  return `${region}-aiplatform.googleapis.com`;
}

function methodFor({ operation, isStream, upstreamModel }: UpstreamRequest): string {
  if (operation === 'count_tokens') return 'count-tokens:rawPredict';
  const id = encodeURIComponent(upstreamModel).replaceAll('%40', '@');
  return `${id}:${isStream ? 'streamRawPredict' : 'rawPredict'}`;
}

/** Counting names the model in the body, answering in the path. */
function bodyFor({ operation, chunks, scanned, upstreamModel }: UpstreamRequest): Buffer[] {
  const drop = ['tags', 'anthropic_version'];
  const add = { anthropic_version: ANTHROPIC_VERSION };
  return operation === 'count_tokens'
    ? spliceBody(chunks, scanned, { drop, add, replace: { model: JSON.stringify(upstreamModel) } })
    : spliceBody(chunks, scanned, { drop: [...drop, 'model'], add });
}
