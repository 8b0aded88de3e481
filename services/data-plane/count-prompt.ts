// When an upstream worked and nobody counted the prompt, the upstream is asked to count it, in the
// background and once. An answer without a sensible count is no answer: the caller bills its estimate.

import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { startAttempt } from './attempt.ts';
import type { Connections } from './connections.ts';
import { parseJson } from './meter.ts';
import type { Candidate } from './plan.ts';
import { scanMessageRequest } from './scan.ts';
import { dropMembers } from './splice.ts';
import type { UpstreamRequest } from './upstreams/upstream.ts';
import { isCount, isObject } from './usage-counts.ts';

/** Members of a Messages request that the counting endpoint refuses. */
const NOT_COUNTED: ReadonlySet<string> = new Set([
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'metadata',
  'service_tier',
  'speed',
  'tags',
]);
const WAIT_MS = 10_000;
const ANSWER_BYTES_MAX = 65_536;

export interface CountQuery {
  readonly connections: Connections;
  readonly log: Log;
  readonly candidate: Candidate;
  readonly request: Omit<UpstreamRequest, 'upstreamModel'>;
}

/** The prompt's tokens as the upstream counts them; null when it does not. Never throws. */
export async function countPrompt(query: CountQuery): Promise<number | null> {
  try {
    return await ask(query);
  } catch (err) {
    query.log.warn('a prompt could not be counted; it is billed by estimate', {
      upstream: query.candidate.upstream.ref.name,
      err: AppError.from(err),
    });
    return null;
  }
}

async function ask({ connections, candidate, request }: CountQuery): Promise<number | null> {
  const chunks = dropMembers(request.chunks, NOT_COUNTED);
  const scan = chunks === null ? null : scanMessageRequest(chunks);
  if (chunks === null || scan?.outcome !== 'facts') return null;
  const prepared = await candidate.upstream.prepare({
    ...request,
    operation: 'count_tokens',
    isStream: false,
    search: '',
    dropTags: true,
    chunks,
    scanned: scan.facts.scanned,
    upstreamModel: candidate.upstreamModel,
  });
  const answer: Buffer[] = [];
  let bytes = 0;
  const { done } = startAttempt({
    dispatcher: connections.to(prepared.origin),
    prepared,
    ttfbMs: WAIT_MS,
    onSuccess: (_status, _headers, control) => {
      const late = setTimeout(() => control.abort(), WAIT_MS);
      return {
        onData(chunk) {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) control.abort();
          else answer.push(chunk);
          return true;
        },
        onEnd: () => clearTimeout(late),
        onDied: () => clearTimeout(late),
      };
    },
  });
  if ((await done).type !== 'streamed') return null;
  const value = parseJson(Buffer.concat(answer).toString());
  const count = isObject(value) ? value['input_tokens'] : null;
  return isCount(count) ? count : null;
}
