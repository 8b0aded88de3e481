// What proves to AWS who asks: a signature over the request (SigV4) or a token as it is. Of the headers
// only what the gateway itself sets is signed: a proxy on the way may change the others.

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsAuth } from '#shared/config/schema-upstreams-aws.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { HeaderList } from '../relay-headers.ts';
import { type KeySource, keySourceFor } from './aws-credentials.ts';

export interface SignableRequest {
  /** Host as the request will name it: with a port that is not the scheme's own. */
  readonly host: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: readonly Buffer[];
}

export interface Authorizer {
  /**
   * The headers to add to the request.
   * @throws AppError `unavailable` without credentials.
   */
  authorize(request: SignableRequest): Promise<HeaderList>;
}

export interface AuthorizerOptions {
  readonly service: string;
  readonly region: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of what the configuration names; for tests. */
  readonly keys?: KeySource | undefined;
}

export function createAuthorizer(auth: AwsAuth, options: AuthorizerOptions): Authorizer {
  switch (auth.kind) {
    case 'bearer':
      return { authorize: async () => ['authorization', `Bearer ${auth.token.reveal()}`] };
    case 'api_key':
      return { authorize: async () => ['x-api-key', auth.key.reveal()] };
    case 'default':
    case 'keys':
      return createSigner(options.keys ?? keySourceFor(auth, options), options);
  }
}

const ADDED = ['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256', 'authorization'];

function createSigner(
  source: KeySource,
  { service, region, clock }: AuthorizerOptions,
): Authorizer {
  return {
    async authorize({ host, path, headers, body }) {
      // Hashed chunk by chunk: a body is never put together.
      const hash = createHash('sha256');
      for (const chunk of body) hash.update(chunk);
      const signed: Record<string, string> = { host, 'x-amz-content-sha256': hash.digest('hex') };
      for (let at = 0; at < headers.length; at += 2) {
        const [name = '', value = ''] = headers.slice(at, at + 2);
        if (isSigned(name)) signed[name] = value;
      }
      const credentials = await source.keys();
      const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
      const { headers: all } = await signer.sign(
        { method: 'POST', protocol: 'https:', hostname: host, path, headers: signed },
        { signingDate: clock.now() / 1000 },
      );
      return ADDED.flatMap((name) => (all[name] === undefined ? [] : [name, all[name]]));
    },
  };
}

/** Nothing that a client wrote: what one puts into a header must not make a signature wrong. */
function isSigned(name: string): boolean {
  return (
    name === 'content-type' ||
    name === 'anthropic-workspace-id' ||
    name.startsWith('x-amzn-bedrock-')
  );
}

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** SHA-256, or with a secret HMAC-SHA-256, as the signing library wants it. */
class Sha256 {
  readonly #secret: Bytes | undefined;
  #state: Hash | Hmac;

  constructor(secret?: Bytes) {
    this.#secret = secret;
    this.#state = stateFor(secret);
  }

  update(data: Bytes): void {
    this.#state.update(asBytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#state.digest();
  }

  reset(): void {
    this.#state = stateFor(this.#secret);
  }
}

function stateFor(secret: Bytes | undefined): Hash | Hmac {
  return secret === undefined ? createHash('sha256') : createHmac('sha256', asBytes(secret));
}

function asBytes(data: Bytes): Uint8Array | string {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
