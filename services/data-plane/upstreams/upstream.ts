// What an upstream is to the data plane: a name, a price class, and how one request is put to it.

import type { IncomingHttpHeaders } from 'node:http';
import type { UpstreamRef } from '#shared/domain/catalogue.ts';
import type { EndpointClass } from '#shared/domain/pricing.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { Sink } from '../attempt.ts';
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
  /** How its success becomes one of Anthropic's. Absent: it is one. */
  readonly translate?: Translate;
}

/** From the headers of a success; null: as it is. */
export type Translate = (headers: IncomingHttpHeaders) => Translation | null;

export interface Translation {
  /** What is true of the translated answer. */
  readonly headers: IncomingHttpHeaders;
  /**
   * A sink for the provider's own bytes. It hands on what it can at once, tells whether the sink behind
   * it is ready, and holds no more than one message.
   */
  open(sink: Sink): Sink;
}

/** A whole answer that is no success. */
export interface ErrorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Thrown by `prepare`: the upstream is known to refuse this, so it is not asked. */
export class KnownRefusal extends Error {
  override readonly name = 'KnownRefusal';
  readonly status: number;

  constructor(status: number) {
    super(`the upstream would answer ${status}`);
    this.status = status;
  }
}

export interface Upstream {
  readonly ref: UpstreamRef;
  readonly endpoint: EndpointClass;
  readonly region: string | null;
  /**
   * @throws AppError when it cannot be put (no credentials); the next upstream is tried.
   * @throws KnownRefusal in place of an answer that `translateError` then puts into words.
   */
  prepare(request: UpstreamRequest): PreparedRequest | Promise<PreparedRequest>;
  /** The upstream's own words as the client may see them; its status decides on failover. */
  translateError(
    reply: ErrorReply,
    requestId: string,
    asked: Pick<UpstreamRequest, 'operation' | 'requestedModel' | 'upstreamModel'>,
  ): ErrorReply;
  /**
   * The data of an error event in its streams as the client may see it. Null: its streams pass byte
   * for byte, with nothing of ours between.
   */
  readonly translateStreamError: ((data: string, requestId: string) => StreamError) | null;
}
