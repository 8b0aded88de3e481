// What an upstream is to the data plane: a name, a price class, and how one request is put to it.

import type { IncomingHttpHeaders } from 'node:http';
import type { UpstreamRef } from '#shared/domain/catalogue.ts';
import type { EndpointClass } from '#shared/domain/pricing.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { StreamError } from '../stream-tail.ts';
import type { ScannedObject } from '../top-level-scanner.ts';

export type Operation = 'messages' | 'count_tokens';

/** A client's request as every upstream gets it; nothing in here may be changed. */
export interface UpstreamRequest {
  readonly operation: Operation;
  /** The client's query with its `?`, or empty. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  readonly chunks: readonly Buffer[];
  readonly scanned: ScannedObject;
  readonly isStream: boolean;
  readonly requestedModel: string;
  /** The id that this upstream knows the model by. */
  readonly upstreamModel: string;
  /** `tags` and its beta are the gateway's: no upstream gets them. */
  readonly dropTags: boolean;
  readonly principal: Principal;
}

export interface PreparedRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Name, value, name, value; without content-length. */
  readonly headers: string[];
  /** A list of its own, emptied once nobody needs it. */
  readonly body: Buffer[];
}

/** A whole answer that is no success. */
export interface ErrorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Upstream {
  readonly ref: UpstreamRef;
  readonly endpoint: EndpointClass;
  readonly region: string | null;
  /** @throws AppError when it cannot be put (no credentials); the next upstream is tried. */
  prepare(request: UpstreamRequest): PreparedRequest | Promise<PreparedRequest>;
  /** The upstream's own words as the client may see them. */
  translateError(reply: ErrorReply, requestId: string): ErrorReply;
  /**
   * The data of an error event in its streams as the client may see it. Null: its streams pass byte
   * for byte, with nothing of ours between.
   */
  readonly translateStreamError: ((data: string, requestId: string) => StreamError) | null;
}
