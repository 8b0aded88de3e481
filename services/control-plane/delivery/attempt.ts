// One POST to somebody else's server, and what it came to.

/** Reasons are for the operator and hold no content, header or answer of the destination. */
export type Outcome =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'rejected'; readonly reason: string }
  | {
      readonly outcome: 'failed';
      readonly reason: string;
      readonly retryAfterSeconds: number | undefined;
    };

export interface AttemptRules {
  readonly timeoutMs: number;
  /** Whether an answer outside 2xx may become another one later. */
  readonly isRetried: (status: number) => boolean;
}

/** @param post must end itself after `timeoutMs` (AbortSignal.timeout) and follow no redirects */
export async function attempt(
  post: () => Promise<Response>,
  { timeoutMs, isRetried }: AttemptRules,
): Promise<Outcome> {
  try {
    const response = await post();
    await response.body?.cancel();
    return outcomeOf(response, isRetried);
  } catch (err) {
    const isTimeout = err instanceof DOMException && err.name === 'TimeoutError';
    const reason = isTimeout ? `no answer in ${timeoutMs} ms` : 'connection failed';
    return { outcome: 'failed', reason, retryAfterSeconds: undefined };
  }
}

function outcomeOf({ status, headers }: Response, isRetried: AttemptRules['isRetried']): Outcome {
  if (status >= 200 && status < 300) return { outcome: 'delivered' };
  const reason = `destination answered ${status}`;
  if (!isRetried(status)) return { outcome: 'rejected', reason };
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  const retryAfterSeconds = seconds > 0 && seconds <= 3600 ? seconds : undefined;
  return { outcome: 'failed', reason, retryAfterSeconds };
}
