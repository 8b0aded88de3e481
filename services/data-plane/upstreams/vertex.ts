// Claude on Google Cloud: the model stands in the path instead of the body, the API version in the body
// instead of a header, and a Google token in front. Errors are Google's and speak of projects and
// permissions, so the client gets our words for them; only the model API's own 400 and 413 pass.

import type { VertexUpstreamConfig } from '#shared/config/schema-upstreams-cloud.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { endpointClass } from '#shared/domain/endpoint-class.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { addConfigured, TAGS_BETA, upstreamHeaders } from '../relay-headers.ts';
import { spliceBody } from '../splice.ts';
import { cloudAnswers } from './cloud-answers.ts';
import { createGoogleTokens, type GoogleTokens, googleCredential } from './google-token.ts';
import type { Upstream, UpstreamRequest } from './upstream.ts';

const ANTHROPIC_VERSION = '"vertex-2023-10-16"';

export interface VertexOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of Google's own; for tests and the demo. */
  readonly tokens?: GoogleTokens;
}

export function createVertexUpstream(
  config: VertexUpstreamConfig,
  { version, clock, log, tokens: given }: VertexOptions,
): Upstream {
  const { region, project_id: project } = config;
  const base = baseUrl(config);
  const models = `${base.prefix}/projects/${project}/locations/${region}/publishers/anthropic/models`;
  const tokens = given ?? createGoogleTokens(config.auth, { clock, log });
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
      const credential = await googleCredential(tokens);
      const headers = upstreamHeaders(request.headers, {
        format: 'cloud',
        version,
        dropBetas: [TAGS_BETA],
      });
      addConfigured(headers, config.headers);
      headers.push(...credential);
      const path = `${models}/${methodFor(request)}`;
      return { origin: base.origin, path, headers, body: bodyFor(request) };
    },
    ...cloudAnswers({ name: config.name, project, log }),
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
