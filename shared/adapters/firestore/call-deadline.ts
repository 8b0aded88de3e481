// The client retries on its own, for ten minutes, whatever its caller has given up on. So a call
// gets a deadline here, and when it is over its RPCs are cancelled: nothing goes on behind a caller
// who was told that it failed, and closing need not wait for it.
//
// Which call an RPC belongs to is known to the async context of its first attempt only; a retry
// runs in the context of whatever connection failed. What stays the same is the request object.

import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '#shared/errors/app-error.ts';

/** What grpc-js hands to a `callInvocationTransformer`, as far as it is needed here. */
export interface Rpc {
  readonly argument?: unknown;
  readonly call: {
    cancel(): void;
    once(event: 'status', listener: () => void): unknown;
  };
}

export interface CallDeadlines {
  /**
   * Runs the work. At the deadline it rejects, aborts the signal and cancels the work's RPCs.
   * @throws AppError `unavailable` at the deadline.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Ties an RPC to the work that makes it. */
  tie<Given extends Rpc>(rpc: Given): Given;
}

interface Call {
  readonly signal: AbortSignal;
  readonly rpcs: Set<Rpc['call']>;
}

export function createCallDeadlines(deadlineMs: number): CallDeadlines {
  const context = new AsyncLocalStorage<Call>();
  const calls = new WeakMap<object, Call>();
  return {
    async run(work) {
      const controller = new AbortController();
      const call = { signal: controller.signal, rpcs: new Set<Rpc['call']>() };
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        const error = lateError(deadlineMs);
        controller.abort(error);
        for (const rpc of call.rpcs) rpc.cancel();
        reject(error);
      }, deadlineMs);
      try {
        return await Promise.race([context.run(call, () => work(call.signal)), late]);
      } finally {
        clearTimeout(timer);
      }
    },
    tie(rpc) {
      const request = typeof rpc.argument === 'object' ? rpc.argument : null;
      const call = (request === null ? undefined : calls.get(request)) ?? context.getStore();
      if (call === undefined) return rpc;
      if (request !== null) calls.set(request, call);
      call.rpcs.add(rpc.call);
      rpc.call.once('status', () => call.rpcs.delete(rpc.call));
      // It cannot be cancelled before it has begun, which is right after this.
      if (call.signal.aborted) queueMicrotask(() => rpc.call.cancel());
      return rpc;
    },
  };
}

function lateError(deadlineMs: number): AppError {
  return new AppError('unavailable', 'the database is not available; try again in a moment', {
    detail: `no answer from Firestore within ${deadlineMs} ms`,
    cause: new Error('the deadline has passed'),
  });
}
