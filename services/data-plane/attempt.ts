// One request to one upstream. A success is handed to a sink chunk by chunk, with back-pressure; any
// other answer is collected. undici's dispatch, because everything above it buffers without bound or
// goes on billing after the client has left.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { byteLength } from './splice.ts';
import type { PreparedRequest } from './upstreams/upstream.ts';

/** Takes a successful answer. Its methods are called in the tick of the bytes. */
export interface Sink {
  /** False: the client is slow, stop reading until `resume`. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onDied(reason: Error): void;
}

/** What a sink may do to the upstream's answer. */
export interface AnswerControl {
  resume(): void;
  /** Ends the upstream request now; nothing more reaches the sink. */
  abort(): void;
  /** The body will not be sent again: let its memory go. */
  dropBody(): void;
}

export type AttemptResult =
  /** The sink had it all, or aborted it. */
  | { readonly type: 'streamed' }
  | {
      readonly type: 'reply';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  | { readonly type: 'failed'; readonly reason: 'timeout' | 'network'; readonly cause: Error }
  /** `asked`: the upstream had begun to read the request. */
  | { readonly type: 'cancelled'; readonly asked: boolean };

export interface AttemptOptions {
  readonly dispatcher: Dispatcher;
  readonly prepared: PreparedRequest;
  readonly ttfbMs: number;
  /** Called in the tick of the headers. */
  readonly onSuccess: (
    status: number,
    headers: IncomingHttpHeaders,
    control: AnswerControl,
  ) => Sink;
}

export interface RunningAttempt {
  readonly done: Promise<AttemptResult>;
  /** Before the headers of a success; after them the sink decides. */
  cancel(): void;
}

const REPLY_BYTES_MAX = 1_048_576;
/** An upstream that has refused may not dawdle over its reasons. */
const REPLY_MS_MAX = 5_000;

export function startAttempt(options: AttemptOptions): RunningAttempt {
  const handler = new AttemptHandler(options);
  const { dispatcher, prepared } = options;
  try {
    dispatcher.dispatch(
      {
        origin: prepared.origin,
        method: 'POST',
        path: prepared.path,
        headers: [...prepared.headers, 'content-length', String(byteLength(prepared.body))],
        // undici takes any iterable; its type names only streams.
        body: prepared.body as unknown as Readable,
      },
      handler,
    );
  } catch (caught) {
    handler.onResponseError(null, caught instanceof Error ? caught : new Error(String(caught)));
  }
  return { done: handler.done, cancel: () => handler.cancel() };
}

class AttemptHandler implements Dispatcher.DispatchHandler {
  readonly done: Promise<AttemptResult>;
  readonly #resolve: (result: AttemptResult) => void;
  readonly #options: AttemptOptions;
  #controller: Dispatcher.DispatchController | null = null;
  #timer: NodeJS.Timeout;
  #isDone = false;
  #isSent = false;
  #isBodyUnwanted = false;
  #sink: Sink | null = null;
  #reply: { status: number; headers: IncomingHttpHeaders } | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(options: AttemptOptions) {
    const { promise, resolve } = Promise.withResolvers<AttemptResult>();
    this.done = promise;
    this.#resolve = resolve;
    this.#options = options;
    this.#timer = setTimeout(() => {
      const cause = new Error(`no answer within ${options.ttfbMs} ms`);
      this.#finish({ type: 'failed', reason: 'timeout', cause });
    }, options.ttfbMs);
  }

  cancel(): void {
    if (this.#sink === null) this.#finish({ type: 'cancelled', asked: this.#controller !== null });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isDone) controller.abort(new Error('no longer wanted'));
  }

  onRequestSent(): void {
    this.#isSent = true;
    if (this.#isBodyUnwanted) this.#dropBody();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (this.#isDone || status < 200) return;
    clearTimeout(this.#timer);
    if (status < 300) {
      this.#sink = this.#options.onSuccess(status, headers, {
        resume: () => controller.resume(),
        abort: () => this.#finish({ type: 'streamed' }),
        dropBody: () => this.#dropBody(),
      });
      return;
    }
    this.#reply = { status, headers };
    this.#timer = setTimeout(() => this.#endReply(), REPLY_MS_MAX);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    if (this.#sink !== null) {
      if (!this.#sink.onData(chunk)) controller.pause();
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes <= REPLY_BYTES_MAX) this.#chunks.push(Buffer.from(chunk));
    else this.#endReply();
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    this.#endReply();
    this.#sink?.onEnd();
    this.#finish({ type: 'streamed' });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    if (this.#isDone) return;
    if (this.#sink !== null) {
      this.#sink.onDied(cause);
      this.#finish({ type: 'streamed' });
    } else if (this.#reply !== null) this.#endReply();
    else this.#finish({ type: 'failed', reason: 'network', cause });
  }

  /** In place, because the dispatcher keeps the list; not while it is still being sent. */
  #dropBody(): void {
    this.#isBodyUnwanted = true;
    if (this.#isSent) this.#options.prepared.body.length = 0;
  }

  #endReply(): void {
    if (this.#reply === null) return;
    this.#finish({ type: 'reply', ...this.#reply, body: Buffer.concat(this.#chunks) });
  }

  /** Whatever is still open towards the upstream is closed: nobody wants it any more. */
  #finish(result: AttemptResult): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#resolve(result);
    this.#controller?.abort(new Error('no longer wanted'));
  }
}
