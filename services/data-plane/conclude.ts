// The end of a request that was admitted, whatever end it came to: served, refused, broken off, left.
// What is owed becomes an event, otherwise the reservation is released.

import type { Log } from '#shared/telemetry/log.ts';
import { auditMetered } from './audit-metered.ts';
import { type Ending, owedFor } from './bill.ts';
import type { Connections } from './connections.ts';
import { countPrompt } from './count-prompt.ts';
import type { Emitter } from './emit.ts';
import type { Forwarded } from './forward.ts';
import { type Metered, UNMETERED } from './meter.ts';
import type { Candidate } from './plan.ts';
import type { Estimator } from './reservation.ts';
import { type ChargedTicket, type Ended, usageEvent } from './ticket.ts';
import type { UpstreamRequest } from './upstreams/upstream.ts';

export interface ConcludeDeps {
  readonly connections: Connections;
  readonly emitter: Emitter;
  readonly estimator: Estimator;
  readonly now: () => number;
  readonly log: Log;
}

interface End {
  readonly candidate: Candidate;
  readonly ending: Ending;
  /** The upstream's status; 0 without an answer. */
  readonly status: number;
  /** What the client got. */
  readonly clientStatus: number;
  readonly metered: Metered;
  readonly ttfbMs: number | null;
  readonly upstreamRequestId: string | null;
}

/** `request` is what may still be asked about: null once the body has been let go. */
export function conclude(
  deps: ConcludeDeps,
  ticket: ChargedTicket,
  forwarded: Forwarded,
  request: Omit<UpstreamRequest, 'upstreamModel'> | null,
): void {
  const end = endOf(forwarded, ticket);
  const owed = end === null ? null : owedFor({ ...end, ...ticket });
  if (end === null || owed === null || owed.type === 'nothing') {
    deps.emitter.release(ticket.id);
    return;
  }
  const ended = {
    outcome: end.ending === 'answered' ? ('complete' as const) : ('aborted' as const),
    status: end.clientStatus,
    ttfbMs: end.ttfbMs,
    durationMs: Math.max(0, deps.now() - ticket.admittedAtMs),
    upstreamRequestId: end.upstreamRequestId,
  };
  const emit = ({ usage, estimated }: Pick<Ended, 'usage' | 'estimated'>): void => {
    const event = usageEvent(ticket, end.candidate, { ...ended, usage, estimated });
    deps.emitter.emit(event);
    auditMetered(deps.log, event, ticket.tag);
    const { promptBytes } = ticket;
    if (!estimated) deps.estimator.observe({ ...event, promptBytes });
  };
  if (owed.type === 'known') {
    emit(owed);
    return;
  }
  const { usage } = owed;
  const { connections, log } = deps;
  const counting =
    request === null
      ? Promise.resolve(null)
      : countPrompt({ connections, log, candidate: end.candidate, request });
  deps.emitter.track(
    counting.then((counted) =>
      emit({ usage: { ...usage, inputTokens: counted ?? usage.inputTokens }, estimated: true }),
    ),
  );
}

/** Null: no upstream began to work. */
function endOf(forwarded: Forwarded, ticket: ChargedTicket): End | null {
  switch (forwarded.outcome) {
    case 'refused':
    case 'failed':
      return null;
    case 'left':
      return forwarded.asked
        ? {
            candidate: forwarded.candidate,
            ending: 'client_gone',
            status: 0,
            clientStatus: 0,
            metered: UNMETERED,
            ttfbMs: null,
            upstreamRequestId: null,
          }
        : null;
    case 'streamed':
      return {
        candidate: forwarded.candidate,
        ending: forwarded.ending,
        status: forwarded.status,
        clientStatus: forwarded.error === null ? forwarded.status : 502,
        metered: forwarded.metered,
        ttfbMs: Math.max(0, forwarded.headersAtMs - ticket.admittedAtMs),
        upstreamRequestId: forwarded.ids.requestId ?? null,
      };
  }
}
