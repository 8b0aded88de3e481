// The security event of every request that was put to an upstream: of a stream as soon as its headers
// are there, so that a process that is killed leaves it (but for the log's last 10 ms); of everything else
// at the end.

import type { SessionExchange } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Forwarded } from './forward.ts';
import type { Candidate } from './plan.ts';
import { type BillingTag, tagFields } from './tags.ts';
import type { UpstreamIds } from './upstream-ids.ts';

export interface InferenceFacts {
  readonly model: string;
  readonly tag: BillingTag | null;
  /** Since the request was taken on. */
  readonly elapsedMs: () => number;
}

export interface StreamStart {
  readonly candidate: Candidate;
  readonly status: number;
  readonly ids: UpstreamIds;
}

export interface InferenceAudit {
  streams(start: StreamStart): void;
  /** Says nothing of a stream that was told of when it began. */
  ends(forwarded: Forwarded): void;
}

export function openInferenceAudit(
  log: Log,
  { requestId, principal, url }: SessionExchange,
  { model, tag, elapsedMs }: InferenceFacts,
): InferenceAudit {
  let isTold = false;

  function tell(upstream: string | null, status: number, ids: UpstreamIds): void {
    if (isTold) return;
    isTold = true;
    log.audit('inference', {
      request_id: requestId,
      sub: principal.sub,
      email: principal.email,
      path: url.pathname,
      model,
      upstream,
      upstream_request_id: ids.requestId ?? null,
      upstream_cloud_request_id: ids.cloudRequestId ?? null,
      status,
      ms: Math.max(0, elapsedMs()),
      ...tagFields(tag),
    });
  }

  return {
    streams: ({ candidate, status, ids }) => tell(candidate.upstream.ref.name, status, ids),
    ends(forwarded) {
      const ids = 'ids' in forwarded ? forwarded.ids : {};
      tell(servedBy(forwarded), statusOf(forwarded), ids);
    },
  };
}

function servedBy(forwarded: Forwarded): string | null {
  switch (forwarded.outcome) {
    case 'streamed':
    case 'left':
      return forwarded.candidate.upstream.ref.name;
    case 'refused':
      return forwarded.upstream;
    case 'failed':
      return null;
  }
}

/** 0: the client left before there was one. */
function statusOf(forwarded: Forwarded): number {
  switch (forwarded.outcome) {
    case 'streamed':
      return forwarded.error === null ? forwarded.status : 502;
    case 'refused':
      return forwarded.reply.status;
    case 'failed':
      return 502;
    case 'left':
      return 0;
  }
}
