// What the upstreams at Amazon share: where they are, how they sign, and whose words a client gets.

import type { AwsAuth } from '#shared/config/schema-upstreams-aws.ts';
import type { Secret } from '#shared/config/secret.ts';
import type { Provider } from '#shared/domain/catalogue.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { HeaderList } from '../relay-headers.ts';
import type { KeySource } from './aws-credentials.ts';
import { createAuthorizer } from './aws-signing.ts';
import { translateCloudError, translateCloudStreamError } from './cloud-errors.ts';
import { readCloudWords } from './cloud-words.ts';
import type { ErrorReply, PreparedRequest, Upstream } from './upstream.ts';

export interface AmazonOptions {
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of what the configuration names; for tests. */
  readonly keys?: KeySource;
}

export interface AmazonConfig {
  readonly name: string;
  readonly provider: Provider;
  readonly region: string;
  readonly base_url?: string | undefined;
  readonly models?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly auth: AwsAuth;
}

export interface AmazonPlace {
  /** Of AWS's own endpoint. */
  readonly url: string;
  /** What requests are signed for. */
  readonly service: string;
}

export interface Amazon extends Pick<Upstream, 'ref' | 'endpoint' | 'region'> {
  /** A request that is ready to go; `path` is behind the prefix of the endpoint. */
  finish(path: string, headers: HeaderList, body: Buffer[]): Promise<PreparedRequest>;
  translateError(reply: ErrorReply, requestId: string): ErrorReply;
  readonly translateStreamError: NonNullable<Upstream['translateStreamError']>;
}

export function openAmazon(
  config: AmazonConfig,
  place: AmazonPlace,
  options: AmazonOptions,
): Amazon {
  const { clock, log, keys } = options;
  const url = new URL(config.base_url ?? place.url);
  const prefix = url.pathname.replace(/\/+$/, '');
  const { service } = place;
  const { region } = config;
  const authorizer = createAuthorizer(config.auth, { service, region, clock, log, keys });
  const about = (said: Buffer, requestId: string) => {
    const { errorStatus, message } = readCloudWords(said);
    const words = { upstream_status: errorStatus, upstream_message: message };
    return { upstream: config.name, request_id: requestId, ...words };
  };
  return {
    ref: {
      name: config.name,
      provider: config.provider,
      region,
      models: config.models ?? null,
      groups: config.groups ?? null,
    },
    endpoint: 'regional',
    region,
    async finish(rest, headers, body) {
      const path = `${prefix}${rest}`;
      const added = await authorizer.authorize({ host: url.host, path, headers, body });
      const own = Object.entries(config.headers).flatMap(([name, value]) => [name, value.reveal()]);
      return { origin: url.origin, path, headers: [...headers, ...added, ...own], body };
    },
    translateError(reply, requestId) {
      const { status, body } = reply;
      log.warn('a cloud refused a request', { ...about(body, requestId), status });
      return translateCloudError(reply, { requestId });
    },
    translateStreamError(data, requestId) {
      log.warn('a cloud ended a stream with an error', about(Buffer.from(data), requestId));
      return translateCloudStreamError(data);
    },
  };
}
