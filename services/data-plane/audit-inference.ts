import type { SessionExchange } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Forwarded } from './forward.ts';
import type { BillingTag } from './tags.ts';

export interface InferenceAudit {
  readonly model: string;
  readonly tag: BillingTag;
  readonly durationMs: number;
}

/** The security event of every request that was put to an upstream. */
export function auditInference(
  log: Log,
  { requestId, principal, url }: SessionExchange,
  forwarded: Forwarded,
  { model, tag, durationMs }: InferenceAudit,
): void {
  const ids = 'ids' in forwarded ? forwarded.ids : {};
  log.audit('inference', {
    request_id: requestId,
    sub: principal.sub,
    email: principal.email,
    path: url.pathname,
    model,
    upstream: servedBy(forwarded),
    upstream_request_id: ids.requestId ?? null,
    upstream_cloud_request_id: ids.cloudRequestId ?? null,
    status: statusOf(forwarded),
    ms: durationMs,
    ...(tag.group === null ? {} : { billing_group: tag.group }),
    ...(tag.isIgnored ? { billing_group_ignored: true } : {}),
  });
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
