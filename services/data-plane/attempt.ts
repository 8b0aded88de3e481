// One request to one upstream. A success is handed to a sink chunk by chunk, with back-pressure; any
// other answer is collected. undici's dispatch, because everything above it buffers without bound or
// goes on billing after the client has left.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { collectReply } from './collect-reply.ts';
import { codingOf, type Decoder, decodedHeaders, openDecoder } from './decode-answer.ts';
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
  #isSuccess = false;
  #hasEnded = false;
  #sink: Sink | null = null;
  #decoder: Decoder | null = null;

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
    if (!this.#isSuccess) this.#finish({ type: 'cancelled', asked: this.#controller !== null });
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
    // Two dozen buffers that a stream would hold for as long as it runs, and nobody reads.
    controller.rawHeaders = null;
    const coding = codingOf(headers);
    const plain = coding === null ? headers : decodedHeaders(headers);
    // A provider's own format is read behind its compression, in front of everything else.
    const own = status < 300 ? (this.#options.prepared.translate?.(plain) ?? null) : null;
    const taker =
      status < 300
        ? this.#passOn(controller, status, own?.headers ?? plain)
        : collectReply((body) => this.#finish({ type: 'reply', status, headers: plain, body }));
    const sink = own?.open(taker) ?? taker;
    if (coding !== null) {
      this.#decoder = openDecoder(coding, sink, () => controller.resume());
    }
    this.#sink = this.#decoder ?? sink;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    if (this.#sink?.onData(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.#hasEnded = true;
    if (!this.#isDone) this.#sink?.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    if (this.#isDone) return;
    if (this.#sink !== null) this.#sink.onDied(cause);
    else this.#finish({ type: 'failed', reason: 'network', cause });
  }

  #passOn(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): Sink {
    this.#isSuccess = true;
    const sink = this.#options.onSuccess(status, headers, {
      resume: () => (this.#decoder ?? controller).resume(),
      abort: () => this.#finish({ type: 'streamed' }),
      dropBody: () => this.#dropBody(),
    });
    return {
      onData: (chunk) => sink.onData(chunk),
      onEnd: () => {
        sink.onEnd();
        this.#finish({ type: 'streamed' });
      },
      onDied: (cause) => {
        sink.onDied(cause);
        this.#finish({ type: 'streamed' });
      },
    };
  }

  /** In place, because the dispatcher keeps the list; not while it is still being sent. */
  #dropBody(): void {
    this.#isBodyUnwanted = true;
    if (this.#isSent) this.#options.prepared.body.length = 0;
  }

  /** Whatever is still open towards the upstream is closed: nobody wants it any more. */
  #finish(result: AttemptResult): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#decoder?.stop();
    this.#resolve(result);
    if (!this.#hasEnded) this.#controller?.abort(new Error('no longer wanted'));
  }
}
